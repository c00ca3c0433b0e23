#!/bin/busybox sh
# The first process of the virtual machine of run.sh: runs the demo in each way that control groups version 2 allow.

/bin/busybox --install -s /bin
export PATH=/lpt:/bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mount -t cgroup2 cgroup /sys/fs/cgroup
chmod 1777 /tmp
ip link set lo up
echo "vm: Linux $(uname -r), $(nproc) cores, control groups version 2"

# The function leaves a process in a session of its own.
cat >/lpt/bootstrap <<'BOOTSTRAP'
#!/bin/sh
setsid sleep 4321 &
exec /lpt/cpu-bound
BOOTSTRAP
cat >/lpt/demo <<'DEMO'
#!/bin/sh
lpt-prepare --power-values 256,1024 cpu | lpt-invoke --num 5 --payload '{"iterations": 150000}' --quiet | tee runs | lpt-analyze | lpt-select | lpt-cleanup --quiet >result
lpt-prepare --quiet --power-values 128,512 memory | lpt-invoke --num 1 --quiet >memory
lpt-cleanup --quiet memory >>result
DEMO
chmod +x /lpt/bootstrap /lpt/demo

failures=0
check() {
	if sh -c "$2"; then
		echo "vm: ok: $1"
	else
		echo "vm: FAILED: $1"
		failures=$((failures + 1))
	fi
}

# A group as `systemd-run --user --scope` makes one. With Delegate=yes it belongs to the user.
groups=/sys/fs/cgroup/user
mkdir -p $groups/delegated $groups/plain
echo '+cpu +memory' >/sys/fs/cgroup/cgroup.subtree_control
echo '+cpu +memory' >$groups/cgroup.subtree_control
for file in . cgroup.procs cgroup.subtree_control cgroup.threads; do
	chown user:user $groups/delegated/$file
done

# Runs a command in a group, as a user.
run_in() {
	group=$1 user=$2
	shift 2
	(
		echo 0 >"$group/cgroup.procs"
		exec su "$user" -c 'exec "$0" "$@"' -- "$@"
	)
}

# Runs the demo in a group, as a user. lpt-local has to say the words.
demo() {
	name=$1 group=$2 user=$3 words=$4
	folder=/tmp/$(echo "$name" | tr ' ' -)
	mkdir "$folder"
	chown "$user" "$folder"
	cd "$folder" || return
	echo
	echo "vm: $name"
	run_in "$group" "$user" lpt-local --function cpu=/lpt/bootstrap --function memory=/lpt/memory-bound -- /lpt/demo 2>&1 | tee said
	check "it says: $words" "grep -q '$words' said"
	# A quarter of the share takes four times as long. The machine is emulated and shared, so half and double pass.
	awk -F'[:,]' '/"type":"invocation"/ {
		for (i = 1; i < NF; i++) {
			if ($i == "\"memorySizeMB\"") memory = $(i + 1)
			if ($i == "\"durationMs\"") duration = $(i + 1)
		}
		if (!(memory in best) || duration + 0 < best[memory]) best[memory] = duration + 0
	} END { printf "%.2f\n", best[256] / best[1024] }' runs >ratio
	check "256 MB take $(cat ratio) times as long as 1024 MB (4 expected, 2 to 8 pass)" "awk '{ ratio = \$1 } END { exit !(ratio > 2 && ratio < 8) }' ratio"
	check '128 MB are too few for 192 MB' "grep '\"memorySizeMB\":128,' memory | grep -q '\"outcome\":\"out-of-memory\"'"
	check '512 MB are enough' "grep '\"memorySizeMB\":512,' memory | grep -q '\"outcome\":\"ok\"'"
	check 'all versions are deleted' "grep -c '\"versionsDeleted\":\[\"1\",\"2\"\].*\"left\":\[\]' result | grep -qx 2"
	check 'no process is left' '! ps | grep -v grep | grep -E "sleep 4321|cpu-bound|memory-bound"'
	check 'no control group is left' '! find /sys/fs/cgroup -type d -name "lpt-local*" | grep -q .'
}

demo 'as root' /sys/fs/cgroup root 'CPU and memory by control groups (version 2)'
demo 'as a user with a delegated subtree' $groups/delegated user 'CPU and memory by control groups (version 2, delegated)'
demo 'as a user without one' $groups/plain user 'CPU by pausing processes'

echo
echo 'vm: as a user with a delegated subtree that has other processes'
run_in $groups/delegated user sh -c 'lpt-local -- true; lpt-local --cpu cgroup -- true; echo "exit $?"' 2>&1 | tee /tmp/said
check 'it leaves them alone, and says why' "grep -q 'no control groups: .*other processes are in this group.*systemd-run' /tmp/said"
check '--cpu cgroup fails' 'grep -qx "exit 2" /tmp/said'

echo
[ "$failures" = 0 ] && echo 'vm: all checks passed'
reboot -f
