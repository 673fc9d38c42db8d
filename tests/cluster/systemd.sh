# A systemd of our own as process 1 of a box: its own tree of files, process
# ids, mounts, network, host name and control groups.
#
# Sourced by t-systemd.sh after lib.sh.  /usr is the host's, seen through an
# overlay; /etc, /var, /run, /tmp and /dev are the box's, and of systemd's
# units there are only those that are named below, so that nothing which the
# host happens to have installed is started.  Without a tree of its own systemd
# would mount over the host's /run and empty its /tmp: box_init ends unless
# the tree is the one that was made here.

SYSTEMD=/usr/lib/systemd/systemd
UNITS=/usr/lib/systemd/system
BOX_UNITS="basic.target sysinit.target multi-user.target network.target
	network-online.target nss-user-lookup.target shutdown.target
	umount.target final.target paths.target slices.target sockets.target
	timers.target local-fs.target local-fs-pre.target swap.target
	poweroff.target systemd-poweroff.service"

# box_possible: skips the test where it cannot be done.
box_possible() {
	[ "$(id -u)" = 0 ] || skip "needs root for namespaces"
	[ -x $SYSTEMD ] && command -v systemctl >/dev/null ||
		skip "systemd is not installed"
	[ -n "$(find_cgroup2)" ] || skip "no cgroup v2 here"
	unshare -m -p -n -u -i -C -f true 2>/dev/null ||
		skip "cannot make namespaces"
	grep -qw overlay /proc/filesystems || modprobe overlay 2>/dev/null ||
		skip "no overlay file system"
}

# box_make DIR: what the box's own files are before its first start.
box_make() {
	local unit
	B=$1
	mkdir -p "$B"/root "$B"/upper "$B"/own/{etc,var/log,var/lib,out}
	mkdir -p "$B"/units "$B/empty" "$B"/own/etc/systemd/system
	for unit in $BOX_UNITS; do
		[ -e "$UNITS/$unit" ] || skip "systemd has no $unit"
		cp "$UNITS/$unit" "$B/units/"
	done
	ln -s multi-user.target "$B/units/default.target"
	cp -L /etc/{passwd,group,nsswitch.conf,ld.so.cache} "$B/own/etc/"
	sed -i 's/systemd//g' "$B/own/etc/nsswitch.conf"
	tr -d - </proc/sys/kernel/random/uuid >"$B/own/etc/machine-id"
	echo box >"$B/own/etc/hostname"
	printf '[Manager]\nLogTarget=null\nDefaultStandardOutput=null\n' \
		>"$B/own/etc/systemd/system.conf"
	touch "$B/own/box"
}

# box_install FILE PATH [MODE]: a file of the box's /usr.
box_install() {
	install -D -m "${3:-755}" "$1" "$B/upper/${2#/usr/}"
}

# box_start: boots it; process 1 is $BOX.
box_start() {
	mkdir -p "$CG/box"
	(
		echo 0 >"$CG/box/cgroup.procs"
		exec unshare -m -p -n -u -i -C --propagation private -f \
			--kill-child bash "$HERE/systemd.sh" box_init "$B"
	) </dev/null >"$T/box.log" 2>&1 &
	BOX_OUTER=$!
	disown $BOX_OUTER
	wait_for 10 "process 1 is there" box_find
}

# systemd has taken the place of the shell that made the tree.
box_find() {
	BOX=$(cat "/proc/$BOX_OUTER/task/$BOX_OUTER/children" 2>/dev/null)
	BOX=${BOX%% *}
	[ -n "$BOX" ] && [ "$(cat "/proc/$BOX/comm")" = systemd ]
}

# box COMMAND...: runs it inside.
box() {
	nsenter -t "$BOX" -m -p -n -u -i -C env -i TERM=dumb LC_ALL=C.UTF-8 \
		PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin \
		timeout 60 "$@"
}

box_is_over() {
	! kill -0 "$BOX_OUTER" 2>/dev/null
}

# box_tree: mounts the tree of the box below $B/root.
box_tree() {
	local r=$B/root f
	mount -t tmpfs -o mode=755 box "$r"
	mkdir -p "$r"/{usr,etc,var,run,tmp,dev,proc,sys,out,old,over/work}
	# In memory: what the host's /tmp is on may not serve for an overlay.
	cp -a "$B/upper" "$r/over/upper"
	mount -t overlay overlay "$r/usr" -o "lowerdir=/usr,$(
		)upperdir=$r/over/upper,workdir=$r/over/work"
	for f in bin sbin lib lib64; do ln -s "usr/$f" "$r/$f"; done
	mount --bind "$B/units" "$r$UNITS"
	for f in /usr/lib/systemd/system-generators /usr/local/lib/systemd \
		/usr/lib/systemd/system.conf.d; do
		[ ! -d "$r$f" ] || mount --bind "$B/empty" "$r$f"
	done
	for f in etc var out; do mount --bind "$B/own/$f" "$r/$f"; done
	cp "$B/own/box" "$r/box"
	mount -t tmpfs -o mode=755 run "$r/run"
	mount -t tmpfs -o mode=1777 tmp "$r/tmp"
	mount -t proc proc "$r/proc"
	mount -t sysfs -o ro sysfs "$r/sys"
	mount -t cgroup2 cgroup2 "$r/sys/fs/cgroup"
	box_devices "$r/dev"
}

box_devices() {
	local f
	mount -t tmpfs -o mode=755 dev "$1"
	mkdir "$1/shm" "$1/pts"
	for f in null zero full random urandom tty; do
		touch "$1/$f"
		mount --bind "/dev/$f" "$1/$f"
	done
	ln -s /proc/self/fd "$1/fd"
	mount -t tmpfs -o mode=1777 shm "$1/shm"
	mount -t devpts -o newinstance,ptmxmode=666 devpts "$1/pts"
}

# box_init DIR: in the new namespaces, as process 1.
box_init() {
	set -eu
	B=$1
	[ $$ = 1 ] || { echo "not process 1"; exit 1; }
	box_tree
	# What is the host's is not for the box to set.
	mount -o remount,ro,bind "$B/root/proc/sys" 2>/dev/null ||
		{ mount --bind "$B/root/proc/sys" "$B/root/proc/sys" &&
			mount -o remount,ro,bind "$B/root/proc/sys"; }
	cd "$B/root"
	pivot_root . old
	cd /
	hostname box
	ip link set lo up
	umount -l /old
	[ -e /box ] && [ ! -e /old/usr ] || { echo "not our tree"; exit 1; }
	rmdir /old
	exec env -i container=skep PATH=/usr/sbin:/usr/bin \
		setpriv --bounding-set \
		-sys_time,-sys_module,-sys_rawio,-syslog,-audit_control \
		"$SYSTEMD" --log-target=null --show-status=no
}

[ "${1:-}" != box_init ] || box_init "$2"
