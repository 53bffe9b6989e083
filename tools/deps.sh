#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause-Patent
#
# Installs what Debian packages give, and fetches and builds the rest below build/deps.
#
#   tools/deps.sh GROUP...      groups: host cross packages qemu model lint coverage linux linux612 all
#
# Only what is missing is installed, by name, and only then is root needed (directly or through sudo).
# GODWIT_DEPS=/folder holds files of tools/deps.lock and tools/guest.lock that are then not downloaded.
# Each finished group leaves build/deps/stamp/GROUP, so that a second call costs nothing.
set -euo pipefail

cd "$(dirname "$0")/.."
root=$PWD
deps=$root/build/deps
lock=$root/tools/deps.lock
guest_lock=$root/tools/guest.lock
mkdir -p "$deps/stamp" "$deps/dl" "$deps/src" "$deps/include"

say() { echo "deps: $*"; }
die() { echo "deps: $*" >&2; exit 1; }

# One at a time: two makes may share this tree.
exec 9>"$deps/.lock"
flock 9

# ---- Debian packages ------------------------------------------------------------------------------------------------

have_cmd() { command -v "$1" >/dev/null 2>&1; }

can_root() {
	[ "$(id -u)" = 0 ] || { have_cmd sudo && { sudo -n true 2>/dev/null || [ -t 0 ]; }; }
}

# as_root COMMAND...: run it as root, or say what to do instead.
as_root() {
	if [ "$(id -u)" = 0 ]; then
		"$@"
	elif can_root; then
		sudo "$@"
	else
		die "root is needed once; run this as root, then call make again:  $*"
	fi
}

have_file() { [ -e "$1" ]; }
have_header() { echo "#include <$1>" | gcc -fsyntax-only -x c - 2>/dev/null; }
have_cmocka() { printf '%s\n' '#include <stdarg.h>' '#include <stddef.h>' '#include <stdint.h>' '#include <setjmp.h>' \
	'#include <cmocka.h>' | gcc -fsyntax-only -x c - 2>/dev/null; }
have_clang_rt() {
	echo 'int LLVMFuzzerTestOneInput(const unsigned char *d, unsigned long n) { return d == 0 && n == 1; }' |
		clang -x c -fsanitize=fuzzer,address,undefined -o /dev/null - 2>/dev/null
}
have_qemu() {
	local v
	v=$(qemu-system-aarch64 --version 2>/dev/null | sed -n 's/.*version \([0-9]*\)\..*/\1/p;1q')
	[ "${v:-0}" -ge 10 ]
}

apt_wanted=()
# want PACKAGE CHECK...: note the package unless the check succeeds.
want() {
	local package=$1
	shift
	"$@" || apt_wanted+=("$package")
}

apt_update_once() {
	[ -z "${apt_updated:-}" ] || return 0
	apt_updated=1
	say "the package lists are missing or old: apt-get update"
	as_root apt-get update -qq || say "apt-get update did not succeed everywhere; going on with what there is"
}

apt_known() { apt-cache show "$1" 2>/dev/null | grep -q '^Filename:'; }

install_wanted() {
	local p
	[ ${#apt_wanted[@]} -gt 0 ] || return 0
	can_root || die "Debian packages are missing and need root once. Run as root, then call make again:" \
		"  apt-get update && apt-get install --no-install-recommends ${apt_wanted[*]}"
	for p in "${apt_wanted[@]}"; do
		apt_known "$p" || apt_update_once
	done
	say "installing Debian packages: ${apt_wanted[*]}"
	if ! as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${apt_wanted[@]}" \
		>"$deps/apt-install.log" 2>&1; then
		# Old lists name files that the mirror has dropped.
		apt_update_once
		as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
			"${apt_wanted[@]}" >"$deps/apt-install.log" 2>&1 ||
			{ cat "$deps/apt-install.log" >&2; die "could not install: ${apt_wanted[*]}"; }
	fi
	apt_wanted=()
}

# The archives this machine's package manager uses, one base address a line.
apt_origins() {
	{
		apt-get indextargets --format '$(CREATED_BY)|$(ORIGIN)|$(REPO_URI)' | sed -n 's/^Packages|Debian|//p'
		apt-get indextargets --no-release-info --format '$(CREATED_BY)|$(REPO_URI)' | sed -n 's/^Packages|//p'
	} 2>/dev/null | sed 's,/*$,,' | awk '!seen[$0]++'
}

# private_apt DIR COMMAND...: apt with its own sources and state, so that the machine's own stay as they are.
private_apt() {
	local dir=$1 tool=$2
	shift 2
	"$tool" -o Dir::Etc::sourcelist="$dir/sources.list" -o Dir::Etc::sourceparts=- -o Dir::State::lists="$dir/lists" \
		-o Dir::Cache="$dir/cache" -o APT::Sandbox::User=root -o Acquire::Languages=none "$@"
}

# private_sources DIR ORIGIN LINE...: each LINE is "deb SUITE" or "deb-src SUITE".
private_sources() {
	local dir=$1 origin=$2 line
	shift 2
	rm -rf "$dir/lists"
	mkdir -p "$dir/lists/partial" "$dir/cache/archives/partial"
	for line in "$@"; do
		echo "${line% *} [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $origin ${line#* } main"
	done >"$dir/sources.list"
}

# ---- pinned files ---------------------------------------------------------------------------------------------------

sha_ok() { echo "$2  $1" | sha256sum --check --status 2>/dev/null; }

# fetch_one SHA FILE POOL-PATH: leaves build/deps/dl/FILE with that checksum, or fails.
fetch_one() {
	local sha=$1 file=$2 pool=$3 out=$deps/dl/$2 origin sub
	! { [ -f "$out" ] && sha_ok "$out" "$sha"; } || return 0
	if [ -n "${GODWIT_DEPS:-}" ] && [ -f "$GODWIT_DEPS/$file" ]; then
		sha_ok "$GODWIT_DEPS/$file" "$sha" || die "$GODWIT_DEPS/$file: not the file that tools/deps.lock pins"
		cp "$GODWIT_DEPS/$file" "$out"
		say "taken from GODWIT_DEPS: $file"
		return 0
	fi
	for origin in $(apt_origins); do
		for sub in pool pool/updates; do
			if /usr/lib/apt/apt-helper -o APT::Sandbox::User=root -o Acquire::Retries=2 download-file \
				"$origin/$sub/$pool/${file//+/%2b}" "$out" "SHA256:$sha" >"$deps/fetch.log" 2>&1 &&
				sha_ok "$out" "$sha"; then
				say "fetched: $file"
				return 0
			fi
			rm -f "$out"
		done
	done
	case $file in
	*_arm64.deb) return 1 ;;
	esac
	fetch_by_index "$sha" "$file" && say "fetched: $file"
}

# guest_apt DIR TOOL ...: private_apt for the guest's architecture, with a package state of its own.
guest_apt() {
	local dir=$1 tool=$2
	shift 2
	: >"$dir/status"
	private_apt "$dir" "$tool" -o APT::Architecture=arm64 -o APT::Architectures=arm64 -o Dir::State::status="$dir/status" "$@"
}

# fetch_by_index SHA FILE: ask the archive's own index, for mirrors whose layout is not the usual one.
fetch_by_index() {
	local sha=$1 file=$2 name=${2%%_*} dir=$deps/apt origin
	for origin in $(apt_origins); do
		private_sources "$dir" "$origin" "deb trixie" "deb-src trixie"
		private_apt "$dir" apt-get -qq update >"$deps/fetch.log" 2>&1 || continue
		mkdir -p "$dir/get"
		(cd "$dir/get" && case $file in
			*.deb) private_apt "$dir" apt-get download "$name" ;;
			*) private_apt "$dir" apt-get source --download-only "$name" ;;
			esac) >>"$deps/fetch.log" 2>&1 || true	# upstream's file may be there although another is missing
		if [ -f "$dir/get/$file" ] && sha_ok "$dir/get/$file" "$sha"; then
			mv "$dir/get/$file" "$deps/dl/$file"
			return 0
		fi
	done
	return 1
}

# fetch_newest SUITE PACKAGE: sets $fetched to the package of arm64 that the archive has now, or what a kernel's
# meta-package stands for. What vouches for it is the archive's signed index.
fetch_newest() {
	local suite=$1 package=$2 dir=$deps/apt-guest origin real
	for origin in $(apt_origins); do
		private_sources "$dir" "$origin" "deb $suite" "deb $suite-security"
		# An origin need not have every suite: what it has is taken.
		guest_apt "$dir" apt-get -qq update >"$deps/fetch.log" 2>&1 || true
		real=$(guest_apt "$dir" apt-cache depends "$package" 2>/dev/null | sed -n 's/^ *Depends: \(linux-image-[0-9].*\)/\1/p;' | tail -n 1)
		rm -rf "$dir/get"
		mkdir -p "$dir/get"
		(cd "$dir/get" && guest_apt "$dir" apt-get -qq download "${real:-$package}") >>"$deps/fetch.log" 2>&1 || continue
		fetched=$(echo "$dir"/get/*.deb)
		say "fetched: ${fetched##*/}, the archive's present one: tools/guest.lock pins another"
		return 0
	done
	return 1
}

# fetch_pinned PART: sets $fetched to the first of its files that can be obtained.
fetch_pinned() {
	local part sha file pool
	while read -r part sha file pool; do
		if [ "$part" = "$1" ] && fetch_one "$sha" "$file" "$pool"; then
			fetched=$deps/dl/$file
			return 0
		fi
	done < <(cat "$lock" "$guest_lock")
	return 1
}

fetch_part() {
	fetch_pinned "$1" ||
		die "could not obtain '$1' (tools/deps.lock) from any archive this machine uses; put the file into a folder and" \
			"pass GODWIT_DEPS=/that/folder; last attempt: $(tail -n 1 "$deps/fetch.log" 2>/dev/null)"
}

# fetch_guest PART SUITE PACKAGE
fetch_guest() {
	fetch_pinned "$1" || fetch_newest "$2" "$3" ||
		die "could not obtain '$1' (tools/guest.lock), nor $3 of $2 for arm64, from any archive this machine uses; put the" \
			"file into a folder and pass GODWIT_DEPS=/that/folder; last attempt: $(tail -n 1 "$deps/fetch.log" 2>/dev/null)"
}

# unpack_part PART: fresh sources in build/deps/src/PART.
unpack_part() {
	local dir=$deps/src/$1 tarball
	fetch_part "$1"
	tarball=$fetched
	rm -rf "$dir" "$deps/unpack"
	mkdir -p "$dir"
	case $fetched in
	*.deb)
		dpkg -x "$fetched" "$deps/unpack"
		tarball=$(echo "$deps"/unpack/usr/src/*/*.tar.*)
		;;
	esac
	tar -xf "$tarball" -C "$dir" --strip-components=1
	rm -rf "$deps/unpack"
}

# ---- groups ---------------------------------------------------------------------------------------------------------

group_host() {
	want gcc have_cmd gcc
	want make have_cmd make
	want libc6-dev have_file /usr/include/stdio.h
	want libcmocka-dev have_cmocka
	want libjsmn-dev have_header jsmn.h
	want pkg-config have_cmd pkg-config
	want python3 have_cmd python3
	want openssl have_cmd openssl
	install_wanted
	cp /usr/include/jsmn.h "$deps/include/jsmn.h"
}

group_packages() {
	want bzip2 have_cmd bzip2
	want xz-utils have_cmd xz
	install_wanted
	unpack_part mbedtls
	unpack_part lwip
}

newlib_tools="gcc cc ar as ld nm ranlib objcopy objdump strip readelf"

group_cross() {
	local tool from log=$deps/newlib-build.log
	want gcc-aarch64-linux-gnu have_cmd aarch64-linux-gnu-gcc
	want gcc have_cmd gcc
	want libc6-dev have_file /usr/include/stdio.h
	want make have_cmd make
	want xz-utils have_cmd xz
	want python3 have_cmd python3
	install_wanted
	unpack_part newlib
	say "building newlib (about half a minute)"
	rm -rf "$deps/newlib" "$deps/newlib-build" "$deps/bin"
	mkdir -p "$deps/newlib-build" "$deps/bin"
	for tool in $newlib_tools; do
		from=$tool
		[ "$tool" != cc ] || from=gcc
		# Not a link: what is found in PATH may go by the name it is called by.
		printf '#!/bin/sh\nexec aarch64-linux-gnu-%s "$@"\n' "$from" >"$deps/bin/aarch64-none-elf-$tool"
		chmod +x "$deps/bin/aarch64-none-elf-$tool"
	done
	(
		export PATH=$deps/bin:$PATH MAKEINFO=true
		# The flags of a make that called us are not newlib's.
		unset MAKEFLAGS MFLAGS MAKELEVEL CFLAGS LDFLAGS CPPFLAGS
		target_flags="-O2 -ffreestanding -fno-pic -fno-pie -ffunction-sections -fdata-sections -mno-outline-atomics"
		target_flags+=" -fno-stack-protector -fno-asynchronous-unwind-tables -fstack-usage -fcallgraph-info=su"
		cd "$deps/newlib-build"
		"$deps/src/newlib/configure" --target=aarch64-none-elf --prefix="$deps/newlib" \
			--disable-newlib-supplied-syscalls --disable-multilib --disable-libgloss --disable-nls \
			CFLAGS_FOR_TARGET="$target_flags"
		make -j2 all-target-newlib
		make install-target-newlib
	) >"$log" 2>&1 || { tail -n 20 "$log" >&2; die "newlib did not build; all of it is in $log"; }
	# What the stack report needs of the call graph stays; the rest of the build does not.
	mkdir -p "$deps/newlib/ci"
	(cd "$deps/newlib-build" && find . -name '*.ci' -path '*newlib*' -exec cp --parents -t "$deps/newlib/ci" {} +)
	rm -rf "$deps/newlib-build"
}

group_qemu() {
	local origin dir=$deps/apt-qemu codename candidate
	! have_qemu || return 0
	candidate=$(apt-cache policy qemu-system-arm 2>/dev/null | sed -n 's/.*Candidate: \([0-9]*:\)\?\([0-9]*\)\..*/\2/p')
	if [ "${candidate:-0}" -lt 10 ] && ! grep -q 'VERSION_CODENAME=bookworm' /etc/os-release; then
		apt_update_once
		candidate=10
	fi
	if [ "${candidate:-0}" -ge 10 ]; then
		apt_wanted+=(qemu-system-arm)
		install_wanted
	else
		codename=$(. /etc/os-release && echo "$VERSION_CODENAME")
		for origin in $(apt_origins); do
			private_sources "$dir" "$origin" "deb $codename" "deb $codename-updates" "deb $codename-backports"
			can_root || die "QEMU 10 is missing and needs root once. Run as root, then call make again:  tools/deps.sh qemu"
			private_apt "$dir" apt-get -qq update >"$deps/fetch.log" 2>&1 || continue
			say "installing Debian packages: qemu-system-arm from $codename-backports (QEMU 10; the suite's own is too old)"
			private_apt "$dir" as_root_apt -y -qq --no-install-recommends -t "$codename-backports" install qemu-system-arm \
				>"$deps/apt-install.log" 2>&1 && break
		done
	fi
	hash -r
	have_qemu || die "QEMU 10 or newer is needed (qemu-system-aarch64) and could not be installed;" \
		"see build/deps/apt-install.log and build/deps/fetch.log"
}
as_root_apt() { as_root env DEBIAN_FRONTEND=noninteractive apt-get "$@"; }

group_model() {
	want spin have_cmd spin
	want gcc have_cmd gcc
	install_wanted
}

group_lint() {
	local n
	want clang have_cmd clang
	want clang-tidy have_cmd clang-tidy
	want clang-format have_cmd clang-format
	want cppcheck have_cmd cppcheck
	install_wanted
	n=$(clang -dumpversion | cut -d. -f1)
	want "libclang-rt-$n-dev" have_clang_rt
	install_wanted
}

group_coverage() {
	want gcovr have_cmd gcovr
	install_wanted
}

# take_out PACKAGE-FILE PATTERN...: these files of it, in build/deps/unpack.
take_out() {
	local package=$1
	shift
	rm -rf "$deps/unpack"
	mkdir -p "$deps/unpack" "$deps/linux"
	dpkg-deb --fsys-tarfile "$package" | tar -x -C "$deps/unpack" --wildcards "$@"
}

# Debian's arm64 kernel, its e1000e module and a static shell, for the guest.
group_linux() {
	want xz-utils have_cmd xz
	install_wanted
	fetch_guest linux bookworm linux-image-arm64
	take_out "$fetched" './boot/vmlinuz-*' './lib/modules/*/e1000e.ko'
	mv "$deps"/unpack/boot/vmlinuz-* "$deps/linux/vmlinuz"
	find "$deps/unpack" -name e1000e.ko -exec mv {} "$deps/linux/" \;
	fetch_guest busybox bookworm busybox-static
	take_out "$fetched" ./bin/busybox
	mv "$deps/unpack/bin/busybox" "$deps/linux/"
	rm -rf "$deps/unpack"
}

# A newer kernel: that of Debian 13.
group_linux612() {
	want xz-utils have_cmd xz
	install_wanted
	fetch_guest linux612 trixie linux-image-arm64
	take_out "$fetched" './boot/vmlinuz-*'
	mv "$deps"/unpack/boot/vmlinuz-* "$deps/linux/vmlinuz-6.12"
	rm -rf "$deps/unpack"
}

# ---- main -----------------------------------------------------------------------------------------------------------

groups="host cross packages qemu model lint coverage linux linux612"
[ $# -gt 0 ] || die "usage: tools/deps.sh GROUP...   groups: $groups all"
[ "$*" != all ] || set -- $groups
for group in "$@"; do
	case " $groups " in
	*" $group "*) ;;
	*) die "no such group: $group (there are: $groups all)" ;;
	esac
	stamp=$deps/stamp/$group
	pins=$lock
	[[ $group != linux* ]] || pins=$guest_lock
	[ ! -f "$stamp" ] || [ "$pins" -nt "$stamp" ] || continue
	"group_$group"
	touch "$stamp"
	say "$group: ready"
done
