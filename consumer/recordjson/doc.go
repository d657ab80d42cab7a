// Package recordjson reads the record format: the JSON in which profiles, participations,
// admissions and distributions come from a fixture file, an import or an HTTP request.
//
// Reading is strict. Unknown fields, fields of another JSON type, names that appear twice
// in one object, the same record twice, and everything that package consumer's Validate
// methods refuse are bad fields. The readers go on after a bad field, so that one
// [*consumer.ValidationError] names all of them by their full paths, such as
// consumers[0].participations[1].status. The paths are in the order of the input. Required
// fields that are missing come at the end of their object.
//
// Errors never repeat a value, which may be a secret or personal. An unknown name is part
// of a path, so it is shortened and quoted if it is long or unusual.
//
// A field that is null counts as left out.
package recordjson
