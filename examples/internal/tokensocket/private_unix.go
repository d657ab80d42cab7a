//go:build unix

package tokensocket

import (
	"fmt"
	"os"
	"syscall"
)

// checkPrivate refuses a directory that another user made or can enter. In the directory
// for temporary files anybody may have been faster.
func checkPrivate(dir string) error {
	info, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	status, ok := info.Sys().(*syscall.Stat_t)
	if !info.IsDir() || info.Mode().Perm()&0o077 != 0 || !ok || int(status.Uid) != os.Getuid() {
		return fmt.Errorf("%s is not a private directory of this user", dir)
	}
	return nil
}
