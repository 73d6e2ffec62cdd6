#!/usr/bin/env bash
# Make a bare Debian in a folder, and run the project's commands in it.
#
#     sudo tools/fresh_machine.sh trixie [COMMAND ...]
#
# SUITE is bookworm (Debian 12), trixie (Debian 13) or another of Debian's
# or Ubuntu's; the commands are `make run` and `make test` unless others are
# given. It has Python, make, git and what the README names, nothing else; the
# project in it is a clone of the last commit. FRESH names another folder
# than build/fresh, MIRROR another mirror. Needs debootstrap.
set -euo pipefail
cd "$(dirname "$0")/.."
suite=${1:?Which Debian? tools/fresh_machine.sh trixie}
shift
test $# -gt 0 || set -- 'make run' 'make test'
root=$(realpath -m "${FRESH:-build/fresh}/$suite")
mounted=()

finish() {
	for ((i = ${#mounted[@]} - 1; i >= 0; i--)); do
		umount "$root${mounted[i]}"
	done
}
trap finish EXIT

inside() {
	env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 \
		${http_proxy:+http_proxy="$http_proxy"} \
		${https_proxy:+https_proxy="$https_proxy"} \
		${D2L_TEST_MODE:+D2L_TEST_MODE="$D2L_TEST_MODE"} \
		chroot "$root" "$@"
}

command -v debootstrap > /dev/null || {
	echo 'There is no debootstrap: apt install debootstrap' >&2; exit 1; }
if ! test -e "$root/debootstrapped"; then
	rm -rf --one-file-system "$root"
	debootstrap --variant=minbase "$suite" "$root" ${MIRROR:+"$MIRROR"}
	touch "$root/debootstrapped"
fi
# The root is a mount of its own: sandboxes are made in no other.
for folder in '' /proc /sys /dev /dev/shm; do
	mkdir -p "$root$folder"
	case $folder in
		'') mount --bind "$root" "$root" ;;
		/proc) mount -t proc proc "$root$folder" ;;
		/sys) mount -t sysfs -o ro sysfs "$root$folder" ;;
		/dev) mount --bind /dev "$root$folder" ;;
		*) mount -t tmpfs tmpfs "$root$folder" ;;
	esac
	mounted+=("$folder")
done
cp /etc/resolv.conf "$root/etc/"
inside apt-get update --quiet=2
# The README's line.
inside apt-get install --quiet=2 --yes --no-install-recommends \
	python3 python3-venv make git libgomp1 libquadmath0 ca-certificates
# What this machine trusts, and how it reaches packages.
for file in /etc/pip.conf /etc/ssl/certs/ca-certificates.crt; do
	if test -e "$file"; then
		cp -L "$file" "$root$file"
	fi
done
rm -rf "$root/srv/chapter"
git clone --quiet --no-hardlinks . "$root/srv/chapter"
for command; do
	echo "== $suite: $command"
	inside bash -c "cd /srv/chapter && time $command"
done
