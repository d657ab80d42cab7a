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

// config is what the flags say.
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

// errHelp says that the usage was asked for, and printed.
var errHelp = errors.New("help")

// quickly are the flags that -quick stands for.
func quickly() map[string]string {
	return map[string]string{
		"connections": "1,8", "duration": "50ms", "rounds": "1", "consumers": "1000", "participations": "3,0",
	}
}

func parseConfig(args []string, getenv func(string) string, stdout io.Writer) (config, error) {
	c := config{connections: []int{1, 32, 256}, participations: []int{3, 0, 10, 100}}
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.Var((*numbers)(&c.connections), "connections", "`NUMBERS` of connections at a time")
	flags.DurationVar(&c.duration, "duration", 2*time.Second, "how long each measurement takes, behind a warm-up of a quarter (`DURATION`)")
	flags.IntVar(&c.rounds, "rounds", 5, "how often the two sides of a row take turns (`NUMBER`); figures are medians")
	flags.IntVar(&c.consumers, "consumers", 100_000, "`NUMBER` of consumers in the database, at most 10 million")
	flags.Var((*numbers)(&c.participations), "participations", "`NUMBERS` of participations of each consumer; the first is that of most rows")
	flags.StringVar(&c.postgres, "postgres", getenv("TEST_DATABASE_URL"), "measure Postgres too: `URL` of a server, in which databases rejoin_bench_… are created (variable TEST_DATABASE_URL)")
	flags.Func("only", "measure the rows whose name matches a `REGEXP`", func(text string) (err error) {
		c.only, err = regexp.Compile(text)
		return err
	})
	flags.StringVar(&c.dir, "dir", "", "keep the databases, and use those of an earlier run, in a `DIRECTORY` (default: a temporary one)")
	flags.StringVar(&c.server, "server", "", "measure this `PROGRAM` (default: ./examples/server, built first)")
	flags.StringVar(&c.markdown, "o", "", "write the table to a `FILE` too, as Markdown")
	flags.StringVar(&c.svg, "svg", "", "write a plot to a `FILE`, as SVG")
	flags.BoolVar(&c.quick, "quick", false, "a few seconds in all, to see that it works: the figures mean little")
	flags.IntVar(&c.streams, "streams", 0, "open this `NUMBER` of idle event streams instead, and say what they take (Linux)")
	flags.BoolVar(&c.list, "list", false, "print the names of the rows and end")

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
		if err := hurry(flags); err != nil {
			return config{}, err
		}
	}
	return c, c.validate()
}

// hurry sets what -quick stands for, as far as it was not given.
func hurry(flags *flag.FlagSet) error {
	given := make(map[string]bool)
	flags.Visit(func(f *flag.Flag) { given[f.Name] = true })
	for name, value := range quickly() {
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

// command is how to run the same measurements again: the flags that the figures depend
// on, without addresses and places.
func (c config) command() string {
	command := fmt.Sprintf("go run ./examples/bench -connections %s -duration %s -rounds %d -consumers %d -participations %s",
		(*numbers)(&c.connections), c.duration, c.rounds, c.consumers, (*numbers)(&c.participations))
	if c.postgres != "" {
		command += " -postgres URL"
	}
	if c.only != nil {
		command += " -only '" + c.only.String() + "'"
	}
	return command
}

// numbers is the value of a flag that holds several, separated by commas.
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
			return fmt.Errorf("%d stands twice", number)
		}
		all = append(all, number)
	}
	*n = all
	return nil
}
