# Runs PYTHON COMMAND… as systemd's units do, as far as that goes without systemd: the file system is read-only but for
# $TMPDIR, /proc shows processes alone, no privilege is gained, and no memory that was written becomes code.
set -e
if [ "$CONFINED" != yes ]; then
    CONFINED=yes exec unshare --mount sh "$0" "$@"
fi
mount -t tmpfs tmpfs "$TMPDIR"
mount -o remount,bind,ro /
mount -t proc -o subset=pid,hidepid=2 proc /proc
# prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN); what an older kernel does not know is left out.
python=$1
shift
exec setpriv --no-new-privs "$python" -c \
    'import ctypes, os, sys; ctypes.CDLL(None).prctl(65, 1, 0, 0, 0); os.execvp(sys.argv[1], sys.argv[1:])' "$@"
