package storagetest

import "github.com/rejoinhq/rejoin/storage/memory"

// Model is the store that the suite compares other stores with. Package memory does not
// import package testing, so use it in a program.
type Model = memory.Store
