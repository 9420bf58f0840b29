# Runs PYTHON COMMAND… as systemd's units do, as far as that goes without systemd: the file system is read-only but for
# $TMPDIR, /proc shows processes alone, no privilege is gained or, with $IDENTITY, kept; confine.py says what else.
set -e
if [ "$CONFINED" != yes ]; then
    CONFINED=yes exec unshare --mount sh "$0" "$@"
fi
mount -t tmpfs -o mode=1777 tmpfs "$TMPDIR"
mount -o remount,bind,ro /
mount -t proc -o subset=pid,hidepid=2 proc /proc
# It is read here: whoever it becomes may not enter this directory.
confine=$(cat "$(dirname "$0")/confine.py")
python=$1
shift
cd "${DIRECTORY:-.}"
# $IDENTITY is a list of options.
exec setpriv --no-new-privs $IDENTITY "$python" -c "$confine" "$@"
