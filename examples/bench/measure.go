package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"time"
)

const (
	// coldConsumers is how many consumers a cold row asks for in turn, with tokens that the
	// server knows. Its cache of 65,536 tokens holds so many without losing any.
	coldConsumers = 32_768
	// coldCacheBytes is how large a cache of documents the server has in a cold row, if it
	// has one: room for a hundred or two, so that each is forgotten long before its consumer
	// comes again. A cache that is switched off would spare the work of keeping it.
	coldCacheBytes = 256 << 10
	// hotCacheBytes is the cache on Postgres, where it is off unless chosen.
	hotCacheBytes = 64 << 20
	// newTokens is how many tokens are signed for each second and core of a row that uses
	// each once: more than a core verifies beside its other work. When they are used up
	// the measurement ends sooner.
	newTokens = 12_000
)

// bench is a run.
type bench struct {
	config    config
	progress  *progress
	dir       string // for what is of use in this run only
	client    *client
	server    *exampleServer
	databases *databases
	notes     []string // what the reader of the table should know
}

func newBench(ctx context.Context, c config, progress *progress) (_ *bench, err error) {
	b := &bench{config: c, progress: progress}
	if b.dir, err = os.MkdirTemp("", "rejoin-bench-"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, b.close())
		}
	}()
	if b.client, err = newClient(); err != nil {
		return nil, err
	}
	if err := os.WriteFile(b.keySetFile(), b.client.issuer.JWKS(), 0o600); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(c.dir, 0o700); err != nil && c.dir != "" {
		return nil, fmt.Errorf("-dir: %w", err)
	}
	b.databases = &databases{
		dir: cmp.Or(c.dir, b.dir), publishableKey: b.client.publishableKey, progress: progress, ready: make(map[string]string),
	}
	if c.postgres != "" {
		b.databases.server = newPostgresServer(c.postgres, c.dir != "")
	}
	progress.tell("building the example server")
	b.server, err = buildServer(ctx, b.dir, c.server)
	return b, err
}

func (b *bench) keySetFile() string { return filepath.Join(b.dir, "jwks.json") }

func (b *bench) close() error {
	var dropped error
	if b.databases != nil && b.databases.server != nil {
		dropped = b.databases.server.close()
	}
	return errors.Join(dropped, os.RemoveAll(b.dir))
}

// result is a row with what was measured: of each figure the median of the rounds.
type result struct {
	row
	ratio, least, greatest float64 // requests/s against the other side
	p99Ratio               float64
	ours, other            measurement
}

func (b *bench) measureAll(ctx context.Context) ([]result, error) {
	rows := b.config.rows()
	var results []result
	for i, r := range rows {
		if r.accessLog && !b.server.flags["access-log"] {
			b.progress.done("%d/%d %s: left out, the server has no -access-log", i+1, len(rows), r.name())
			b.note("Left out, because the server has no -access-log: %s.", r.name())
			continue
		}
		measured, err := b.measure(ctx, r, fmt.Sprintf("%d/%d", i+1, len(rows)))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", r.name(), err)
		}
		b.progress.done("%d/%d %s: %.0f requests/s, %.2f of %s", i+1, len(rows), r.name(),
			measured.ours.requestsPerSecond, measured.ratio, r.otherName())
		results = append(results, measured)
	}
	if len(results) == 0 {
		return nil, errors.New("no row is left that this server can be measured in")
	}
	return results, nil
}

// otherName is what a row is measured against.
func (r row) otherName() string {
	if r.smaller != (dataset{}) {
		return "the small database"
	}
	return "LIMIT"
}

// side is one of the two that take turns.
type side struct {
	load
	writers []*process
	// before, if set, makes a new supply for each measurement.
	before func() (*supply, error)
}

// measure measures one row: both sides run all the time, and are asked in turns, each
// first as often as second.
func (b *bench) measure(ctx context.Context, r row, place string) (_ result, err error) {
	var processes []*process
	defer func() {
		for _, p := range slices.Backward(processes) {
			err = errors.Join(err, p.stop())
		}
	}()
	started := func(p *process, err error) (*process, error) {
		if err == nil {
			processes = append(processes, p)
		}
		return p, err
	}
	ours, length, err := b.newSide(ctx, r, r.dataset, started)
	if err != nil {
		return result{}, err
	}
	var other side
	if r.smaller != (dataset{}) {
		other, _, err = b.newSide(ctx, r, r.smaller, started)
	} else {
		other, err = b.newLimit(ctx, r, ours, length, started)
	}
	if err != nil {
		return result{}, err
	}
	var rounds []round
	for n := range b.config.rounds {
		b.progress.tell("%s %s: round %d of %d", place, r.name(), n+1, b.config.rounds)
		one, err := b.takeTurns(ctx, ours, other, n%2 == 1)
		if err != nil {
			return result{}, err
		}
		rounds = append(rounds, one)
	}
	return medians(r, rounds), nil
}

// round is one measurement of each side.
type round struct{ ours, other measurement }

func (b *bench) takeTurns(ctx context.Context, ours, other side, oursFirst bool) (one round, err error) {
	turns := []struct {
		side side
		into *measurement
	}{{other, &one.other}, {ours, &one.ours}}
	if oursFirst {
		slices.Reverse(turns)
	}
	for _, turn := range turns {
		if *turn.into, err = b.turn(ctx, turn.side); err != nil {
			return round{}, err
		}
	}
	return one, nil
}

// turn measures a side once. Its writers write only meanwhile, and do not slow LIMIT down.
func (b *bench) turn(ctx context.Context, s side) (measurement, error) {
	if s.before != nil {
		fresh, err := s.before()
		if err != nil {
			return measurement{}, err
		}
		s.supply = fresh
	}
	for _, w := range s.writers {
		if err := w.startWriting(); err != nil {
			return measurement{}, err
		}
	}
	measured, err := s.run(ctx)
	for _, w := range s.writers {
		perSecond, stopErr := w.stopWriting(ctx)
		err = errors.Join(err, stopErr)
		measured.written = append(measured.written, perSecond)
	}
	return measured, err
}

func (b *bench) note(format string, args ...any) {
	b.notes = append(b.notes, fmt.Sprintf(format, args...))
}

// starter keeps what was started, to stop it again.
type starter func(*process, error) (*process, error)

// newSide starts the server on a dataset, has it see what it should have seen, and returns
// the length of a document too.
func (b *bench) newSide(ctx context.Context, r row, data dataset, started starter) (_ side, length int, err error) {
	url, err := b.databases.open(ctx, r.database, data)
	if err != nil {
		return side{}, 0, err
	}
	s := side{load: b.newLoad(r)}
	if s.process, err = started(b.startServer(ctx, r, data, url)); err != nil {
		return side{}, 0, err
	}
	s.address = s.process.address
	if r.writing != nobody {
		writer, err := started(b.startOwn(ctx, "other writer", url, roleWriter, "-consumers", strconv.Itoa(data.consumers)))
		if err != nil {
			return side{}, 0, err
		}
		s.writers = append(s.writers, writer)
	}
	if r.writing == both {
		s.writers = append(s.writers, s.process)
	}
	if s.supply, length, err = b.introduced(ctx, r, data, s.address); err != nil {
		return side{}, 0, err
	}
	if r.kind == notModified {
		s.check = checkEmpty
	}
	if r.kind == unseen {
		s.before = func() (*supply, error) { return b.newcomers(data) }
	}
	return s, length, nil
}

func (b *bench) newLoad(r row) load {
	return load{connections: r.connections, warmUp: b.config.duration / 4, duration: b.config.duration, check: checkOwn}
}

// introduced returns the requests of a row, each of which the server has seen once. The
// length is that of the first document.
func (b *bench) introduced(ctx context.Context, r row, data dataset, address string) (_ *supply, length int, err error) {
	some := polling
	if r.kind == seen {
		some = coldConsumers
	}
	requests, err := b.client.requests(pick(some, data.consumers))
	if err != nil {
		return nil, 0, err
	}
	err = introduce(ctx, address, requests, func(i int, a answer) {
		if i == 0 {
			length = len(a.body)
		}
		if r.kind == notModified {
			requests[i] = requests[i].withHeader("If-None-Match", bytes.Clone(a.headerValue("ETag")))
		}
	})
	return &supply{requests: requests}, length, err
}

// newcomers are requests with new tokens, each to be used once.
func (b *bench) newcomers(data dataset) (*supply, error) {
	seconds := (b.config.duration + b.config.duration/4).Seconds()
	some := int(newTokens * seconds * float64(runtime.GOMAXPROCS(0)))
	consumers := pick(some, data.consumers)
	for i := len(consumers); i < some; i++ { // a database with fewer consumers than that
		consumers = append(consumers, consumers[i-data.consumers])
	}
	requests, err := b.client.requests(consumers)
	return &supply{requests: requests, once: true}, err
}

// newLimit starts LIMIT. It is asked with the same requests, of which it reads nothing.
func (b *bench) newLimit(ctx context.Context, r row, ours side, length int, started starter) (side, error) {
	args := []string{roleLimit, "-body", strconv.Itoa(length)}
	s := side{load: b.newLoad(r)}
	s.check, s.supply = checkLength(length), &supply{requests: ours.supply.requests}
	if r.kind == notModified {
		args, s.check = []string{roleLimit, "-empty"}, checkEmpty
	}
	var err error
	if s.process, err = started(b.startOwn(ctx, "bare server", "", args...)); err != nil {
		return side{}, err
	}
	s.address = s.process.address
	return s, nil
}

// startServer starts the example server, or, where the server writes by itself, the service
// of this program that does.
func (b *bench) startServer(ctx context.Context, r row, data dataset, url string) (*process, error) {
	if r.writing == both {
		return b.startOwn(ctx, "writing server", url, roleLibrary,
			"-jwks-file", b.keySetFile(), "-consumers", strconv.Itoa(data.consumers))
	}
	args := []string{"-addr", "127.0.0.1:0", "-jwks-file", b.keySetFile()}
	option := func(name, value string) {
		if b.server.flags[name] {
			args = append(args, "-"+name, value)
		}
	}
	if r.accessLog {
		option("access-log", filepath.Join(b.dir, "access.log"))
	} else {
		option("access-log", "off")
	}
	switch {
	case r.kind == seen || r.kind == unseen:
		option("cache-bytes", strconv.Itoa(coldCacheBytes))
	case r.database == postgresName:
		option("cache-bytes", strconv.Itoa(hotCacheBytes))
	}
	return startProcess(ctx, b.dir, "example server", b.server.program, args, databaseVariable(url))
}

// startOwn starts this program in another role.
func (b *bench) startOwn(ctx context.Context, name, url string, args ...string) (*process, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return startProcess(ctx, b.dir, name, program, args, databaseVariable(url))
}

// databaseVariable names the database where the list of processes does not show it: it may
// hold a password.
func databaseVariable(url string) []string { return []string{"DATABASE_URL=" + url} }

// medians are those of all figures. The ratio is the median of the rounds' ratios, each of
// two measurements that were made one right after the other.
func medians(r row, rounds []round) result {
	ratios := collect(rounds, func(one round) float64 { return one.ours.requestsPerSecond / one.other.requestsPerSecond })
	p99Ratios := collect(rounds, func(one round) float64 { return float64(one.ours.p99) / float64(one.other.p99) })
	return result{
		row:   r,
		ratio: median(ratios), least: slices.Min(ratios), greatest: slices.Max(ratios),
		p99Ratio: median(p99Ratios),
		ours:     medianOf(collect(rounds, func(one round) measurement { return one.ours })),
		other:    medianOf(collect(rounds, func(one round) measurement { return one.other })),
	}
}

func medianOf(all []measurement) measurement {
	duration := func(of func(measurement) time.Duration) time.Duration { return median(collect(all, of)) }
	return measurement{
		requestsPerSecond: median(collect(all, func(m measurement) float64 { return m.requestsPerSecond })),
		p50:               duration(func(m measurement) time.Duration { return m.p50 }),
		p99:               duration(func(m measurement) time.Duration { return m.p99 }),
		serverCPU:         duration(func(m measurement) time.Duration { return m.serverCPU }),
		ownCPU:            duration(func(m measurement) time.Duration { return m.ownCPU }),
		written:           medianRates(collect(all, func(m measurement) []float64 { return m.written })),
	}
}

// medianRates has a rate for each writer.
func medianRates(rounds [][]float64) []float64 {
	var rates []float64
	for writer := range rounds[0] {
		rates = append(rates, median(collect(rounds, func(rates []float64) float64 { return rates[writer] })))
	}
	return rates
}

func collect[T, F any](all []T, figure func(T) F) []F {
	figures := make([]F, len(all))
	for i, one := range all {
		figures[i] = figure(one)
	}
	return figures
}

// median is the one in the middle, or the mean of the two there. There is at least one.
func median[N float64 | time.Duration](figures []N) N {
	sorted := slices.Sorted(slices.Values(figures))
	half := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[half]
	}
	return (sorted[half-1] + sorted[half]) / 2
}
