package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"strings"
	"time"
)

// usageError is a mistake in the arguments or the environment.
type usageError struct{ error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// errHelp reports that the usage or the version was printed.
var errHelp = errors.New("help")

// parseFlags parses flags, and reads those that were not given from the environment. It
// returns the names of the flags that were given in either way. If the usage was asked
// for, it prints that and returns errHelp.
func (p program) parseFlags(flags *flag.FlagSet, args []string, synopsis, more string) (given map[string]bool, err error) {
	version := flags.Bool("version", false, "print the version and exit")
	flags.SetOutput(io.Discard) // run prints the error
	invalid := silence(flags)
	err = flags.Parse(args)
	if errors.Is(err, flag.ErrHelp) {
		p.printUsage(flags, synopsis, more)
		return nil, errHelp
	}
	if err != nil {
		return nil, usageError{err}
	}
	if *version {
		fmt.Fprintln(p.stdout, versionText())
		return nil, errHelp
	}
	given = readEnvironment(flags, p.getenv)
	if invalid.name != "" {
		return nil, usagef("invalid value for -%s: %w", invalid.name, invalid.err)
	}
	return given, nil
}

// noArguments refuses arguments after the flags. It does not repeat them: one of them may
// be a secret in the wrong place.
func noArguments(flags *flag.FlagSet) error {
	if flags.NArg() > 0 {
		return usagef("unexpected argument after the flags")
	}
	return nil
}

func (p program) printUsage(flags *flag.FlagSet, synopsis, more string) {
	fmt.Fprintf(p.stdout, "Usage: server %s\n%s\n", synopsis, more)
	flags.VisitAll(func(f *flag.Flag) { f.Value = f.Value.(silent).Value })
	flags.SetOutput(p.stdout)
	flags.PrintDefaults()
	fmt.Fprintln(p.stdout, "\nAn environment variable can replace a flag:")
	flags.VisitAll(func(f *flag.Flag) {
		if variable, ok := variables[f.Name]; ok {
			fmt.Fprintf(p.stdout, "  -%-15s %s\n", f.Name, variable)
		}
	})
}

// readEnvironment sets the flags that were not given from their variables, and returns
// those that were given in either way.
func readEnvironment(flags *flag.FlagSet, getenv func(string) string) (given map[string]bool) {
	given = make(map[string]bool)
	flags.Visit(func(f *flag.Flag) { given[f.Name] = true })
	// A flag for a key set takes precedence over both variables.
	skip := map[string]bool{"jwks-url": given["jwks-file"], "jwks-file": given["jwks-url"]}
	flags.VisitAll(func(f *flag.Flag) {
		variable, ok := variables[f.Name]
		if ok && !given[f.Name] && !skip[f.Name] && getenv(variable) != "" {
			given[f.Name] = true
			_ = f.Value.Set(getenv(variable)) // recorded by silent
		}
	})
	return given
}

// silent is the value of a flag that records an error instead of returning it: package
// flag would repeat the value, which may be a secret in the wrong place.
type silent struct {
	flag.Value
	name    string
	invalid *invalidValue
}

// invalidValue is the first flag whose value is invalid.
type invalidValue struct {
	name string
	err  error
}

func silence(flags *flag.FlagSet) *invalidValue {
	invalid := &invalidValue{}
	flags.VisitAll(func(f *flag.Flag) { f.Value = silent{f.Value, f.Name, invalid} })
	return invalid
}

func (s silent) Set(value string) error {
	if err := s.Value.Set(value); err != nil && s.invalid.name == "" {
		*s.invalid = invalidValue{s.name, err}
	}
	return nil
}

// IsBoolFlag lets a boolean flag be given without a value.
func (s silent) IsBoolFlag() bool {
	b, ok := s.Value.(interface{ IsBoolFlag() bool })
	return ok && b.IsBoolFlag()
}

// durationValue is like the value of [flag.DurationVar] with errors that explain.
type durationValue time.Duration

func durationVar(flags *flag.FlagSet, d *time.Duration, name string, value time.Duration, usage string) {
	*d = value
	flags.Var((*durationValue)(d), name, usage)
}

func (d *durationValue) String() string { return time.Duration(*d).String() }

func (d *durationValue) Set(value string) error {
	parsed, err := time.ParseDuration(value)
	switch {
	case err != nil && value != "" && strings.Trim(value, "0123456789.") == "":
		return errors.New("a unit is missing, as in 5s or 5m")
	case err != nil:
		return errors.New("must be a duration, such as 5s or 1h30m")
	}
	*d = durationValue(parsed)
	return nil
}

// listValue is the value of a flag that may be repeated and comma-separated.
type listValue []string

func (l *listValue) String() string { return strings.Join(*l, ",") }

func (l *listValue) Set(value string) error {
	for element := range strings.SplitSeq(value, ",") {
		if element = strings.TrimSpace(element); element == "" {
			return errors.New("an element is empty")
		}
		*l = append(*l, element)
	}
	return nil
}

// versionText returns the version of the module, the commit that it was built from, and
// the version of Go.
func versionText() string {
	version, commit := "unknown", ""
	if info, ok := debug.ReadBuildInfo(); ok {
		version = info.Main.Version
		for _, setting := range info.Settings {
			if setting.Key == "vcs.revision" {
				commit = " commit " + setting.Value
			}
		}
	}
	return fmt.Sprintf("rejoin %s%s %s", version, commit, runtime.Version())
}
