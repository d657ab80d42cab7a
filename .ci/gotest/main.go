// Gotest runs go test, prints what it prints, and counts the tests that were skipped:
//
//	go run ./.ci/gotest [-summary FILE] [-may-skip REGEXP] [go test flags] [packages]
//
// A package list passes in go test even if most of its tests were skipped, and go test does not
// say so. Gotest appends one line about the skipped tests to the file of -summary. With
// -may-skip, a skipped test is an error unless the regular expression matches its reason.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "gotest:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	flags := flag.NewFlagSet("gotest", flag.ContinueOnError)
	title := flags.String("title", "tests", "first `WORDS` of the summary")
	summary := flags.String("summary", "", "append the summary to a `FILE`")
	maySkip := flags.String("may-skip", "", "fail if a test is skipped whose reason does not match a `REGEXP`")
	if err := flags.Parse(args); err != nil {
		return err
	}
	allowed, err := regexp.Compile(*maySkip)
	if err != nil {
		return fmt.Errorf("-may-skip: %w", err)
	}
	command := exec.Command("go", append([]string{"test", "-json"}, flags.Args()...)...)
	command.Stderr = os.Stderr
	output, err := command.StdoutPipe()
	if err != nil {
		return err
	}
	if err := command.Start(); err != nil {
		return err
	}
	r := report{output: make(map[test]*strings.Builder), skipped: make(map[test]string), out: os.Stdout}
	readErr := r.read(output)
	if err := command.Wait(); err != nil {
		return fmt.Errorf("go test: %w", err)
	}
	if readErr != nil {
		return readErr
	}
	if *summary != "" {
		if err := appendLine(*summary, *title+": "+r.summary()); err != nil {
			return err
		}
	}
	if *maySkip != "" {
		return r.unexpected(allowed)
	}
	return nil
}

// event is a line of go test -json. See "go doc test2json" and "go help buildjson".
type event struct {
	Action     string
	Package    string
	ImportPath string // of a package that does not build
	Test       string
	Output     string
}

// test identifies a test. The name is empty for the output of a package itself.
type test struct{ pkg, name string }

// report prints the events of a run and counts its tests.
type report struct {
	out     io.Writer
	output  map[test]*strings.Builder // of the tests that did not pass so far
	skipped map[test]string           // the reasons
	passed  int
}

func (r *report) read(events io.Reader) error {
	lines := bufio.NewReader(events)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			var e event
			if json.Unmarshal(line, &e) == nil {
				r.add(e)
			} else {
				fmt.Fprintf(r.out, "%s", line) // go itself prints some errors as plain text
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (r *report) add(e event) {
	t := test{e.Package, e.Test}
	switch e.Action {
	case "build-output":
		fmt.Fprint(r.out, e.Output)
	case "output":
		if r.output[t] == nil {
			r.output[t] = new(strings.Builder)
		}
		r.output[t].WriteString(e.Output)
	case "pass":
		if e.Test == "" {
			r.endPackage(t)
			return
		}
		r.passed++
		delete(r.output, t)
	case "skip":
		if e.Test == "" {
			r.endPackage(t)
			return
		}
		r.skipped[t] = reason(r.output[t])
		delete(r.output, t)
	case "fail":
		if e.Test == "" {
			r.failPackage(t)
		}
	}
}

// endPackage prints the result line of a package, such as "ok  	example.com/a	0.1s".
func (r *report) endPackage(t test) {
	for line := range strings.Lines(text(r.output[t])) {
		if strings.HasPrefix(line, "ok") || strings.HasPrefix(line, "?") {
			fmt.Fprint(r.out, line)
		}
	}
	delete(r.output, t)
}

// failPackage prints the output of all tests of a package that did not pass, and then that of
// the package itself.
func (r *report) failPackage(t test) {
	var failed []string
	for other := range r.output {
		if other.pkg == t.pkg && other.name != "" {
			failed = append(failed, other.name)
		}
	}
	slices.Sort(failed)
	for _, name := range append(failed, "") {
		fmt.Fprint(r.out, text(r.output[test{t.pkg, name}]))
		delete(r.output, test{t.pkg, name})
	}
}

func text(b *strings.Builder) string {
	if b == nil {
		return ""
	}
	return b.String()
}

// logged matches the line of a log message, which begins with the file and the line.
var logged = regexp.MustCompile(`(?m)^ +\w+\.go:\d+: (.*)$`)

// reason returns the last log message in the output of a test.
func reason(output *strings.Builder) string {
	messages := logged.FindAllStringSubmatch(text(output), -1)
	if len(messages) == 0 {
		return "no reason given"
	}
	return messages[len(messages)-1][1]
}

// summary is one line: how many tests ran, and how many were skipped in which package.
func (r *report) summary() string {
	counts := make(map[string]int)
	for t := range r.skipped {
		counts[t.pkg]++
	}
	var parts []string
	for _, pkg := range slices.Sorted(maps.Keys(counts)) {
		parts = append(parts, fmt.Sprintf("%s %d", strings.TrimPrefix(pkg, "github.com/rejoinhq/rejoin/"), counts[pkg]))
	}
	line := fmt.Sprintf("%d passed, %d skipped", r.passed, len(r.skipped))
	if len(parts) > 0 {
		line += " (" + strings.Join(parts, ", ") + ")"
	}
	return line
}

// unexpected returns an error that names the skipped tests whose reason is not allowed.
func (r *report) unexpected(allowed *regexp.Regexp) error {
	var lines []string
	for t, reason := range r.skipped {
		if !allowed.MatchString(reason) {
			lines = append(lines, fmt.Sprintf("%s %s was skipped: %s", t.pkg, t.name, reason))
		}
	}
	if len(lines) == 0 {
		return nil
	}
	slices.Sort(lines)
	return errors.New(strings.Join(lines, "\n"))
}

func appendLine(name, line string) error {
	file, err := os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(file, line)
	return errors.Join(err, file.Close())
}
