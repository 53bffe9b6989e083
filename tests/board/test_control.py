# SPDX-License-Identifier: BSD-2-Clause-Patent
"""QMP on the second UART of a real board."""

from harness import boards, case, check, check_equal, check_goes_on, check_match, lab, start

GARBAGE = [
    ("word", b"garbage\n", "JSON parse error"),
    ("bracket", b"}\n", "JSON parse error"),
    ("cut-string", b'{"execute": "stop\n', "JSON parse error"),
    ("binary", bytes(range(0x80, 0x100)) + b"\n", "JSON parse error"),
    ("long", b"x" * 5000 + b"\n", "JSON token size limit exceeded"),
    ("long-object", b'{"execute": "' + b"y" * 20000 + b'"}\n', "JSON token size limit exceeded"),
    ("deep", b"[" * 100 + b"\n", "JSON nesting depth limit exceeded"),
    ("list", b"[]\n", "QMP input must be a JSON object"),
    ("no-command", b"{}\n", "QMP input lacks member 'execute'"),
    ("argument-type", b'{"execute": "migrate", "arguments": {"uri": 5}}\n',
     "Invalid parameter type for 'uri', expected: string"),
    ("missing", b'{"execute": "migrate"}\n', "Parameter 'uri' is missing"),
]


@case
def bad_input_is_answered_and_the_connection_stays():
    with lab() as the_lab:
        board = start(the_lab, "alpha", 1, autostart=True)
        for name, data, words in GARBAGE:
            answer = board.qmp.raw(data)
            check_equal(answer.get("error", {}).get("class"), "GenericError", f"{name}: class")
            check_match(words, answer["error"]["desc"], name)
            check_equal(board.execute("query-status")["status"], "running", "query-status after it")


@case
def unknown_command_is_command_not_found():
    with lab() as the_lab:
        board = start(the_lab, "alpha", 1)
        try:
            board.execute("fly-south")
        except boards.QmpError as error:
            check_equal((error.qmp_class, error.desc), ("CommandNotFound", "The command fly-south has not been found"),
                        "error")
            return
        check(False, "it was taken")


@case
def every_listed_query_answers():
    with lab() as the_lab:
        board = start(the_lab, "alpha", 1, autostart=True)
        names = [entry["name"] for entry in board.execute("query-commands")]
        for name in names:
            if name.startswith("query-"):
                check(board.execute(name) is not None, name)
        for name in ("qmp_capabilities", "stop", "cont", "quit", "migrate", "migrate-incoming", "migrate_cancel",
                     "migrate-set-parameters", "migrate-set-capabilities", "x-migrate-resolve"):
            check(name in names, f"{name} is listed")
        check_equal(board.qmp.greeting["capabilities"], [], "capabilities in the greeting")
        check_equal(set(board.execute("query-version")), {"qemu", "package"}, "members of query-version")


@case
def a_flood_of_requests_is_answered_in_order():
    with lab() as the_lab:
        board = start(the_lab, "alpha", 1, autostart=True)
        count = 200
        board.qmp.send(b"".join(b'{"execute": "query-version", "id": "f%d"}' % n for n in range(count)))
        for n in range(count):
            board.qmp.wait(f"answer {n}", lambda n=n: board.qmp.replies.pop(f'"f{n}"', None), 30)
        check_goes_on(board)
