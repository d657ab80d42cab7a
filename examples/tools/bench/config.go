package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// config holds the values of the flags.
type config struct {
	connections    []int
	duration       time.Duration
	rounds         int
	consumers      int
	participations []int
	postgres       string
	only           *regexp.Regexp
	dir            string
	server         string
	markdown       string
	svg            string
	quick          bool
	list           bool
	streams        int
}

// errHelp reports that the usage was printed because -help was given.
var errHelp = errors.New("help")

// quickFlags returns the flags that -quick sets.
func quickFlags() map[string]string {
	return map[string]string{
		"connections": "1,8", "duration": "50ms", "rounds": "1", "consumers": "1000", "participations": "3,0",
	}
}

func parseConfig(args []string, getenv func(string) string, stdout io.Writer) (config, error) {
	c := config{connections: []int{1, 32, 256}, participations: []int{3, 0, 10, 100}}
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.Var((*numbers)(&c.connections), "connections", "measure with these `NUMBERS` of connections")
	flags.DurationVar(&c.duration, "duration", 2*time.Second, "`DURATION` of each measurement, after a warm-up of a quarter of it")
	flags.IntVar(&c.rounds, "rounds", 5, "measure each side of a row this `NUMBER` of times, in turns; figures are medians")
	flags.IntVar(&c.consumers, "consumers", 100_000, "`NUMBER` of consumers in the database, at most 10 million")
	flags.Var((*numbers)(&c.participations), "participations", "`NUMBERS` of participations of each consumer; most rows use the first")
	flags.StringVar(&c.postgres, "postgres", getenv("TEST_DATABASE_URL"), "also measure Postgres, on the server at this `URL`, where the benchmark creates databases rejoin_bench_… (variable TEST_DATABASE_URL)")
	flags.Func("only", "measure only the rows whose name matches a `REGEXP`", func(text string) (err error) {
		c.only, err = regexp.Compile(text)
		return err
	})
	flags.StringVar(&c.dir, "dir", "", "`DIRECTORY` of the databases, which are kept there and used again by the next run (default: a temporary directory)")
	flags.StringVar(&c.server, "server", "", "measure this `PROGRAM`, a build of the example server (default: the benchmark builds one)")
	flags.StringVar(&c.markdown, "o", "", "also write the table to a `FILE`, as Markdown")
	flags.StringVar(&c.svg, "svg", "", "write a plot to a `FILE`, as SVG")
	flags.BoolVar(&c.quick, "quick", false, "take a few seconds in all, to show that the benchmark works; the figures mean little")
	flags.IntVar(&c.streams, "streams", 0, "measure the memory of this `NUMBER` of idle event streams instead (Linux)")
	flags.BoolVar(&c.list, "list", false, "print the names of the rows and exit")

	flags.SetOutput(io.Discard) // an error is printed once, by run
	err := flags.Parse(args)
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(stdout, "Usage: bench [flags]")
		flags.SetOutput(stdout)
		flags.PrintDefaults()
		return config{}, errHelp
	}
	if err != nil {
		return config{}, err
	}
	if flags.NArg() > 0 {
		return config{}, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	if c.quick {
		if err := setQuickFlags(flags); err != nil {
			return config{}, err
		}
	}
	return c, c.validate()
}

// setQuickFlags sets the flags of -quick that were not given.
func setQuickFlags(flags *flag.FlagSet) error {
	given := make(map[string]bool)
	flags.Visit(func(f *flag.Flag) { given[f.Name] = true })
	for name, value := range quickFlags() {
		if given[name] {
			continue
		}
		if err := flags.Set(name, value); err != nil {
			return fmt.Errorf("-quick: -%s: %w", name, err)
		}
	}
	return nil
}

func (c config) validate() error {
	switch {
	case slices.Min(c.connections) < 1 || slices.Max(c.connections) > 4096:
		return errors.New("-connections must be from 1 to 4096")
	case c.duration < 10*time.Millisecond || c.duration > time.Minute:
		return errors.New("-duration must be from 10ms to 1m")
	case c.rounds < 1 || c.rounds > 1000:
		return errors.New("-rounds must be from 1 to 1000")
	case c.consumers < 1 || c.consumers > 10_000_000:
		return errors.New("-consumers must be from 1 to 10000000")
	case slices.Min(c.participations) < 0 || slices.Max(c.participations) > maxParticipations:
		return fmt.Errorf("-participations must be from 0 to %d", maxParticipations)
	case c.streams < 0 || c.streams > c.consumers:
		return errors.New("-streams must be from 0 to the number of -consumers")
	case c.postgres != "" && !isPostgres(c.postgres):
		return errors.New("-postgres must be a URL: postgres://…")
	case len(c.rows()) == 0:
		return errors.New("-only matches the name of no row; -list prints them")
	}
	return nil
}

// command returns the command that runs the same measurements again. It has the flags that
// the figures depend on, without addresses and paths.
func (c config) command() string {
	command := fmt.Sprintf("go run ./examples/tools/bench -connections %s -duration %s -rounds %d -consumers %d -participations %s",
		(*numbers)(&c.connections), c.duration, c.rounds, c.consumers, (*numbers)(&c.participations))
	if c.postgres != "" {
		command += " -postgres URL"
	}
	if c.only != nil {
		command += " -only '" + c.only.String() + "'"
	}
	return command
}

// numbers is the value of a flag with several numbers, separated by commas.
type numbers []int

func (n *numbers) String() string {
	var texts []string
	for _, number := range *n {
		texts = append(texts, strconv.Itoa(number))
	}
	return strings.Join(texts, ",")
}

func (n *numbers) Set(value string) error {
	var all []int
	for text := range strings.SplitSeq(value, ",") {
		number, err := strconv.Atoi(strings.TrimSpace(text))
		if err != nil {
			return errors.New("must be whole numbers, separated by commas")
		}
		if slices.Contains(all, number) {
			return fmt.Errorf("%d is given twice", number)
		}
		all = append(all, number)
	}
	*n = all
	return nil
}
