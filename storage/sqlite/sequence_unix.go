//go:build unix

package sqlite

import (
	"os"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"syscall"
	"unsafe"
)

const sequenceSize = int(unsafe.Sizeof(atomic.Uint64{}))

// openSequence maps the file that holds the sequence of a database, which exists. As
// SQLite's own files beside it, it stands where the database is without links, and has the
// database's mode. It stays: were it removed, one process might count in a file that
// another doesn't see.
func openSequence(path string) (*sequence, error) {
	path, err := filepath.EvalSymlinks(path)
	if err != nil {
		return nil, reason(err)
	}
	database, err := os.Stat(path)
	if err != nil {
		return nil, reason(err)
	}
	file, err := os.OpenFile(path+"-seq", os.O_RDWR|os.O_CREATE, database.Mode().Perm())
	if err != nil {
		return nil, reason(err)
	}
	defer file.Close()
	if err := file.Truncate(int64(sequenceSize)); err != nil { // of the same size it does nothing
		return nil, reason(err)
	}
	mapped, err := syscall.Mmap(int(file.Fd()), 0, sequenceSize, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
	if err != nil {
		return nil, err
	}
	q := &sequence{(*atomic.Uint64)(unsafe.Pointer(unsafe.SliceData(mapped)))} // a page is aligned
	runtime.AddCleanup(q, func(mapped []byte) { _ = syscall.Munmap(mapped) }, mapped)
	return q, nil
}
