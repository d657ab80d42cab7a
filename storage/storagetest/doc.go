// Package storagetest tests implementations of the roles of package consumer. One call
// tests a complete Store:
//
//	func TestStore(t *testing.T) {
//		storagetest.Run(t, func(t *testing.T) (any, consumer.Store) {
//			return openMyStore(t), nil // new and empty, closed by t.Cleanup
//		})
//	}
//
// A type that implements only some roles, such as a reader that caches, comes with a Store
// on the same data for the rest:
//
//	storagetest.Run(t, func(t *testing.T) (any, consumer.Store) {
//		store := openMyStore(t)
//		return newMyReader(store), store
//	})
//
// Every sentence of the comments in package consumer is a case with its name, and so is
// every difference between databases that ever mattered: letter case, Unicode normal
// forms, the precision of times and decimals. [Model] is a Store in memory that passes,
// for the tests of other packages.
package storagetest
