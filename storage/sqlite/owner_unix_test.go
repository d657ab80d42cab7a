//go:build unix

package sqlite_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

func wantOwner(t *testing.T, name string, user, group uint32) {
	t.Helper()
	info, err := os.Stat(name)
	if err != nil {
		t.Fatal(err)
	}
	owner := info.Sys().(*syscall.Stat_t)
	if owner.Uid != user || owner.Gid != group {
		t.Errorf("%s belongs to user %d and group %d, want %d and %d", filepath.Base(name), owner.Uid, owner.Gid, user, group)
	}
}
