package conformance

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// indented returns a JSON text with two spaces for each level. The order of fields and the
// digits of numbers stay. Strings get the escapes of package json, whichever they had. It fails
// if a name occurs twice in an object.
func indented(text []byte) (string, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var b strings.Builder
	if err := indentValue(d, &b, "\n"); err != nil {
		return "", err
	}
	if _, err := d.Token(); err != io.EOF {
		return "", errors.New("there is more after the JSON value")
	}
	return b.String(), nil
}

// indentValue writes the next value. A line break begins with newline.
func indentValue(d *json.Decoder, b *strings.Builder, newline string) error {
	token, err := d.Token()
	if err != nil {
		return err
	}
	delimiter, nested := token.(json.Delim)
	if !nested {
		encoded, err := json.Marshal(token)
		b.Write(encoded)
		return err
	}
	b.WriteString(delimiter.String())
	names := make(map[json.Token]bool)
	separator := newline + "  "
	for d.More() {
		b.WriteString(separator)
		separator = "," + newline + "  "
		if delimiter == '{' {
			name, err := d.Token()
			if err != nil {
				return err
			}
			if names[name] {
				return fmt.Errorf("the name %q occurs twice", name)
			}
			names[name] = true
			encoded, _ := json.Marshal(name) // a string can be encoded
			b.Write(encoded)
			b.WriteString(": ")
		}
		if err := indentValue(d, b, newline+"  "); err != nil {
			return err
		}
	}
	end, err := d.Token()
	if err != nil {
		return err
	}
	if separator[0] == ',' {
		b.WriteString(newline)
	}
	b.WriteString(end.(json.Delim).String())
	return nil
}

const (
	// maxComparison bounds the memory of a comparison, in pairs of lines.
	maxComparison = 4 << 20
	// maxLines bounds the length of a difference.
	maxLines = 60
)

// difference returns the lines of two texts, with - in front of those that only want has, + in
// front of those that only got has, and without what both have far from a difference.
func difference(want, got string) string {
	a, b := strings.Split(want, "\n"), strings.Split(got, "\n")
	if len(a)*len(b) > maxComparison {
		return "+ " + shortened([]byte(got))
	}
	// common[i][j] is the length of the longest common subsequence of a[i:] and b[j:].
	common := make([][]int, len(a)+1)
	for i := range common {
		common[i] = make([]int, len(b)+1)
	}
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			if a[i] == b[j] {
				common[i][j] = common[i+1][j+1] + 1
			} else {
				common[i][j] = max(common[i+1][j], common[i][j+1])
			}
		}
	}
	var lines []string
	for i, j := 0, 0; i < len(a) || j < len(b); {
		switch {
		case i < len(a) && j < len(b) && a[i] == b[j]:
			lines = append(lines, "  "+a[i])
			i, j = i+1, j+1
		case j == len(b) || i < len(a) && common[i+1][j] >= common[i][j+1]:
			lines = append(lines, "- "+a[i])
			i++
		default:
			lines = append(lines, "+ "+b[j])
			j++
		}
	}
	lines = nearDifferences(lines)
	if len(lines) > maxLines {
		lines = append(lines[:maxLines], "  …")
	}
	return strings.Join(lines, "\n")
}

// nearDifferences returns the lines that differ and three on each side of them.
func nearDifferences(lines []string) []string {
	const context = 3
	var near []string
	last := -1
	for i := range lines {
		differs := false
		for _, line := range lines[max(0, i-context):min(len(lines), i+context+1)] {
			differs = differs || line[0] != ' '
		}
		if !differs {
			continue
		}
		if i > last+1 {
			near = append(near, "  …")
		}
		near, last = append(near, lines[i]), i
	}
	return near
}
