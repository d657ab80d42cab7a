//go:build unix

package postgrestest

import (
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"syscall"
)

// immediateShutdown makes the server end at once, without a checkpoint.
var immediateShutdown os.Signal = syscall.SIGQUIT

// detach runs the command in a process group of its own, so that it gets no signals from the
// terminal. If this process runs as root, the command runs as another user, because
// PostgreSQL refuses to run as root.
func detach(command *exec.Cmd) {
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if uid, gid, err := unprivileged(); err == nil && os.Geteuid() == 0 {
		command.SysProcAttr.Credential = &syscall.Credential{Uid: uid, Gid: gid}
	}
}

// chown gives a file or directory to the user as whom detach runs commands.
func chown(path string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	uid, gid, err := unprivileged()
	if err != nil {
		return err
	}
	return os.Chown(path, int(uid), int(gid))
}

func unprivileged() (uid, gid uint32, err error) {
	for _, name := range []string{"postgres", "nobody"} {
		found, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, uidErr := strconv.ParseUint(found.Uid, 10, 32)
		gid, gidErr := strconv.ParseUint(found.Gid, 10, 32)
		if uidErr == nil && gidErr == nil {
			return uint32(uid), uint32(gid), nil
		}
	}
	return 0, 0, fmt.Errorf("root cannot run PostgreSQL, and there is no user named postgres or nobody")
}
