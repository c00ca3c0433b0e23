#!/bin/sh
# Boots Debian's kernel in qemu, and runs the demo there with control groups version 2: `make vm`. A container or CI
# often has version 1, or no right to either. qemu emulates the machine; ACCEL=kvm is faster where that works.
#
# It needs the packages qemu-system-x86 and busybox-static, and apt to download (not install) the kernel; KERNEL=FILE
# is another one. The machine's files are this machine's debug builds with their libraries, and init.sh.
set -eu
cd "$(dirname "$0")/../.."

for command in qemu-system-x86_64 busybox strip; do
	command -v "$command" >/dev/null || {
		echo "$0: $command: not found; apt-get install qemu-system-x86 busybox-static binutils" >&2
		exit 1
	}
done

folder=target/vm
mkdir -p "$folder"
if [ -z "${KERNEL:-}" ]; then
	[ -d "$folder/kernel" ] || (
		cd "$folder"
		package=$(apt-cache depends linux-image-cloud-amd64 | sed -n 's/.*Depends: *//p' | head -n 1)
		apt-get download "$package" >/dev/null
		dpkg-deb -x "$package"_*.deb kernel
	)
	KERNEL=$(echo "$folder"/kernel/boot/vmlinuz-*)
fi

root=$folder/root
rm -rf "$root"
mkdir -p "$root/bin" "$root/dev" "$root/etc" "$root/lpt" "$root/proc" "$root/sys" "$root/tmp"
cp "$(command -v busybox)" "$root/bin/"
cp tests/vm/init.sh "$root/init"
chmod +x "$root/init"
printf '%s\n' 'root:x:0:0::/:/bin/sh' 'user:x:1000:1000::/tmp:/bin/sh' >"$root/etc/passwd"
printf '%s\n' 'root:x:0:' 'user:x:1000:' >"$root/etc/group"
for binary in target/debug/lpt-prepare target/debug/lpt-invoke target/debug/lpt-analyze target/debug/lpt-select \
	target/debug/lpt-cleanup target/debug/lpt-local target/debug/examples/cpu-bound target/debug/examples/memory-bound; do
	strip -o "$root/lpt/${binary##*/}" "$binary"
	for library in $(ldd "$binary" | grep -o '/[^ ]*'); do
		mkdir -p "$root${library%/*}"
		cp -L -n "$library" "$root$library"
	done
done
(cd "$root" && find . | busybox cpio -o -H newc 2>/dev/null | gzip -1) >"$folder/initramfs"

# The time limit ends this qemu alone.
timeout "${SECONDS_AT_MOST:-900}" qemu-system-x86_64 -accel "${ACCEL:-tcg}" -cpu max -smp 2 -m 2048 -nographic -no-reboot -nic none \
	-kernel "$KERNEL" -initrd "$folder/initramfs" -append 'console=ttyS0 quiet panic=-1' </dev/null |
	sed -u 's/\r$//' | tee "$folder/log"
grep -q '^vm: all checks passed$' "$folder/log"
