// Package storagetest is the contract of consumer.Store as a test suite. One call
// runs all of it against any Store:
//
//	func TestStore(t *testing.T) {
//		storagetest.Run(t, func(t *testing.T) consumer.Store {
//			return openMyStore(t) // new and empty, closed by t.Cleanup
//		})
//	}
//
// Every sentence of the comments in package consumer is a case that is named for
// it, and so is every difference between databases that ever mattered: letter
// case, unicode normal forms, precision of times and decimals. [Model] is a Store
// that passes, in memory and small enough to be read at once, with which other
// packages can be tested.
package storagetest
