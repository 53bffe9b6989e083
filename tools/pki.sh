#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause-Patent
#
# A test CA and host certificates, as docs/design.md, section 5, wants them: ECDSA P-256, X.509 v3.
#
#   tools/pki.sh ca DIR [NAME]           DIR/ca.{pem,der,key.pem}; kept if it is there
#   tools/pki.sh host DIR NAME [OPTION...]
#       --role LIST     source,destination (default), source, destination or none
#       --days N        days from now until it expires (365)
#       --expired       valid only from ten days ago until yesterday
#       --san NAME      the host id inside, when it is to differ from the file name NAME
#
# A host certificate NAME has the host id as subjectAltName, URI:godwit:host/NAME and DNS:NAME, and its roles as
# extended key usages: 1.3.6.1.4.1.55555.1.1 migration source, 1.3.6.1.4.1.55555.1.2 migration destination.
# Output: DIR/NAME.crt.pem DIR/NAME.key.pem, and for the image DIR/ca.der DIR/NAME.crt.der DIR/NAME.key.der (SEC 1).
# These keys are for tests: they lie on the disk without a passphrase.
set -euo pipefail

readonly oid_source=1.3.6.1.4.1.55555.1.1
readonly oid_destination=1.3.6.1.4.1.55555.1.2

usage() {
	sed -n '3,/^set -/s/^# \{0,1\}//p' "$0" >&2
	exit 2
}

die() { echo "pki: $*" >&2; exit 1; }

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
umask 077

# run COMMAND...: quiet unless it fails.
run() { "$@" >"$scratch/log" 2>&1 || { cat "$scratch/log" >&2; die "failed: $*"; }; }

# utc DAYS: that many days from now, as openssl ca reads it.
utc() { date -u -d "$1 days" +%Y%m%d%H%M%SZ; }

new_key() {
	run openssl ecparam -name prime256v1 -genkey -noout -out "$1.key.pem"
	run openssl ec -in "$1.key.pem" -outform DER -out "$1.key.der"
}

make_ca() {
	local dir=$1 name=${2:-Godwit test CA}
	mkdir -p "$dir"
	if [ -f "$dir/ca.pem" ]; then
		echo "pki: $dir/ca.pem is kept"
		return
	fi
	new_key "$dir/ca"
	cat >"$scratch/ca.cnf" <<-END
		[req]
		distinguished_name = dn
		x509_extensions = v3
		prompt = no
		[dn]
		CN = $name
		[v3]
		basicConstraints = critical,CA:TRUE,pathlen:0
		keyUsage = critical,keyCertSign,cRLSign
		subjectKeyIdentifier = hash
	END
	run openssl req -new -x509 -sha256 -days 3650 -config "$scratch/ca.cnf" -key "$dir/ca.key.pem" -out "$dir/ca.pem"
	run openssl x509 -in "$dir/ca.pem" -outform DER -out "$dir/ca.der"
	echo "pki: $dir/ca.pem made"
}

make_host() {
	local dir=$1 name=$2 role=source,destination begin end id usages
	id=$name
	# A day back, so that a host whose clock is a little late takes it.
	begin=$(utc -1)
	end=$(utc 365)
	shift 2
	while [ $# -gt 0 ]; do
		case $1 in
		--role) role=${2:?}; shift 2 ;;
		--days) end=$(utc "${2:?}"); shift 2 ;;
		--expired) begin=$(utc -10); end=$(utc -1); shift ;;
		--san) id=${2:?}; shift 2 ;;
		*) usage ;;
		esac
	done
	[ -f "$dir/ca.key.pem" ] || die "no CA in $dir: first tools/pki.sh ca $dir"
	[[ $id =~ ^[A-Za-z0-9][A-Za-z0-9.-]{0,62}$ ]] || die "not a host id: $id"
	usages=serverAuth,clientAuth
	case $role in
	source) usages+=,$oid_source ;;
	destination) usages+=,$oid_destination ;;
	source,destination | destination,source) usages+=,$oid_source,$oid_destination ;;
	none) ;;
	*) die "no such role: $role" ;;
	esac

	new_key "$dir/$name"
	mkdir "$scratch/new"
	: >"$scratch/index"
	cat >"$scratch/host.cnf" <<-END
		[req]
		distinguished_name = dn
		prompt = no
		[dn]
		CN = $id
		[ca]
		default_ca = test
		[test]
		database = $scratch/index
		new_certs_dir = $scratch/new
		rand_serial = yes
		default_md = sha256
		policy = any
		x509_extensions = v3
		unique_subject = no
		[any]
		commonName = supplied
		[v3]
		basicConstraints = critical,CA:FALSE
		keyUsage = critical,digitalSignature
		extendedKeyUsage = $usages
		subjectAltName = URI:godwit:host/$id,DNS:$id
		subjectKeyIdentifier = hash
		authorityKeyIdentifier = keyid
	END
	run openssl req -new -sha256 -config "$scratch/host.cnf" -key "$dir/$name.key.pem" -out "$scratch/csr.pem"
	run openssl ca -batch -notext -config "$scratch/host.cnf" -cert "$dir/ca.pem" -keyfile "$dir/ca.key.pem" \
		-startdate "$begin" -enddate "$end" -in "$scratch/csr.pem" -out "$dir/$name.crt.pem"
	run openssl x509 -in "$dir/$name.crt.pem" -outform DER -out "$dir/$name.crt.der"
	echo "pki: $dir/$name.crt.pem: host $id, role $role, until $end"
}

[ $# -ge 2 ] || usage
case $1 in
ca) make_ca "$2" "${3:-}" ;;
host)
	[ $# -ge 3 ] || usage
	shift
	make_host "$@"
	;;
*) usage ;;
esac
