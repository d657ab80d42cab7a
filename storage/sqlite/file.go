package sqlite

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// createPrivate makes an empty file that only its owner can read, which is an
// empty database to SQLite, unless path exists. SQLite gives the files beside it
// the same mode.
//
// The file is made elsewhere and linked: were it created in place, closing it would
// take away the locks (POSIX's, which belong to the process) of a Store that
// opened it in the meantime.
func createPrivate(path string) error {
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return reason(err)
	}
	directory := filepath.Dir(path)
	empty, err := os.CreateTemp(directory, ".rejoin-*") // mode 0600
	if err != nil {
		return reason(err)
	}
	defer os.Remove(empty.Name())
	if err := empty.Close(); err != nil {
		return err
	}
	if err := os.Link(empty.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return createInPlace(path)
	}
	syncDirectory(directory)
	return nil
}

// reason leaves the path out of an error, which is not always the caller's path.
func reason(err error) error {
	var named *fs.PathError
	if errors.As(err, &named) {
		return named.Err
	}
	return err
}

// createInPlace is for file systems that have no links.
func createInPlace(path string) error {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return reason(err)
	}
	return file.Close()
}

// syncDirectory makes the new name survive a loss of power, where the system can.
func syncDirectory(path string) {
	if directory, err := os.Open(path); err == nil {
		_ = directory.Sync()
		_ = directory.Close()
	}
}
