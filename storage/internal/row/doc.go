// Package row is what the SQL adapters share: the form in which a record lies in a
// table, and the way back. A row holds the record's key, the parts of its
// consumer.Version that the database compares, and the canonical JSON itself,
// which is both the last tie-breaker and the stored record. So a database neither
// interprets nor rounds anything, and two adapters cannot differ in what they keep.
package row
