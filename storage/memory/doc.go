// Package memory keeps records in memory, for tests of programs that use a store.
package memory
