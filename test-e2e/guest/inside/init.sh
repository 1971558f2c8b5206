#!/bin/sh
# The first process of the guest: mounts what a Linux machine has, runs the tests, and turns it off or makes way for systemd, which does
# that after its own.
export PATH=/bin:/usr/bin HOME=/tmp BOX_TEST_EMULATED=1 NO_COLOR=1
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t tmpfs tmp /tmp
chmod 1777 /tmp
mount -t tmpfs run /run
mount -t cgroup2 cgroup /sys/fs/cgroup
mount -t ext4 /dev/vdb /data
ip link set lo up
echo 128M > /sys/block/zram0/disksize
mkswap /dev/zram0 > /dev/null
swapon /dev/zram0
cd /tmp
node --disable-warning=ExperimentalWarning /box/tests.mjs > /dev/ttyS1 2>&1
if ! grep -q box.systemd /proc/cmdline; then
  dmesg | tail -30 > /dev/ttyS0
  poweroff -f
fi
exec env -i PATH=/bin:/usr/bin /usr/lib/systemd/systemd --unit=box.service --log-level=notice --log-target=console --show-status=no
