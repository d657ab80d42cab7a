package sqlite

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// createPrivate creates an empty file that only its owner can read, unless path exists. To
// SQLite, an empty file is an empty database. SQLite gives the same mode to its other files.
//
// The file is created under another name and linked. If it were created in place, closing
// it would release the POSIX locks of the whole process, and with them those of a Store that
// has opened it in the meantime.
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

// reason returns the error without its path, which may not be the caller's path.
func reason(err error) error {
	var named *fs.PathError
	if errors.As(err, &named) {
		return named.Err
	}
	return err
}

// createInPlace creates the file on a file system without links.
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

// syncDirectory makes the new name durable if the system supports it.
func syncDirectory(path string) {
	if directory, err := os.Open(path); err == nil {
		_ = directory.Sync()
		_ = directory.Close()
	}
}
