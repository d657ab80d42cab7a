// Package row converts records to and from the rows of the SQL adapters. A row holds the
// record's key, the parts of its consumer.Version that the database compares, and the
// canonical JSON, which is the stored record and decides if everything else is equal. So a
// database neither interprets nor rounds anything, and all adapters store the same.
package row
