package auth

import "github.com/rejoinhq/rejoin/consumer"

// optionErrors are the invalid options of a constructor.
type optionErrors []consumer.FieldError

// check adds an error unless valid. The message completes a sentence that begins with the
// name of the option.
func (e *optionErrors) check(valid bool, option, message string) {
	if !valid {
		*e = append(*e, consumer.FieldError{Field: option, Message: message})
	}
}

// err returns a [*consumer.ValidationError], or nil if all options are valid.
func (e optionErrors) err() error {
	if len(e) == 0 {
		return nil
	}
	return &consumer.ValidationError{Fields: e}
}
