# Disks of their own for the states of hosts, which can be full and slow.

# disk_make HOST: before it starts; fails where that cannot be done.
disk_make() {
	truncate -s 48M "$T/$1/disk" &&
		mkfs.ext4 -q -m 0 "$T/$1/disk" >/dev/null 2>&1 &&
		mkdir -p "$T/$1/state" &&
		mount -o loop "$T/$1/disk" "$T/$1/state" 2>/dev/null &&
		rmdir "$T/$1/state/lost+found"
}
# Bounded, should it not be the disk that we think it is.
disk_fill() {
	dd if=/dev/zero of="$T/$1/state/fill" bs=64k count=1024 \
		2>/dev/null
	true
}
disk_free() {
	rm -f "$T/$1/state/fill"
}
# Writes stand still three quarters of the time.
disk_slow() {
	: >"$T/$1/slow"
	while [ -e "$T/$1/slow" ] && kill -0 $$ 2>/dev/null; do
		fsfreeze -f "$T/$1/state"
		sleep 0.15
		fsfreeze -u "$T/$1/state"
		sleep 0.05
	done 2>/dev/null &
	eval "SLOW_PID_$1=$!"
}
disk_fast() {
	[ -e "$T/$1/slow" ] || return 0
	rm -f "$T/$1/slow"
	wait "$(eval "echo \$SLOW_PID_$1")"
}
# In place of cluster_cleanup.
disks_cleanup() {
	local h
	for h in "${HOSTS[@]}"; do
		disk_fast "$h"
		kill_cgroup "$CG/$h"
		umount "$T/$h/state" 2>/dev/null
	done
	cluster_cleanup
}
