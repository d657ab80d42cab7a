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
	// coldConsumers is the number of consumers that a cold row requests in turn, with tokens
	// that the server has seen. The server's cache of 65,536 tokens has room for all of them.
	coldConsumers = 32_768
	// coldCacheBytes is the size of the server's document cache in a cold row. It has room for
	// one or two hundred documents, so each is evicted long before it is requested again. No
	// cache at all would save the work of filling it.
	coldCacheBytes = 256 << 10
	// hotCacheBytes is the size of the cache on Postgres, where it is off by default.
	hotCacheBytes = 64 << 20
	// newTokens is the number of tokens that are signed for each second and core of a row that
	// uses each token once. It is more than a core verifies. A measurement ends early if the
	// tokens are used up.
	newTokens = 12_000
)

// bench is one run of the benchmark.
type bench struct {
	config    config
	progress  *progress
	dir       string // for the files of this run
	client    *client
	server    string // path of the example server
	databases *databases
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
	if b.server = c.server; b.server == "" {
		progress.update("building the example server")
		b.server, err = buildServer(ctx, b.dir)
	}
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

// result is a row and its figures, each the median of the rounds.
type result struct {
	row
	ratio, least, greatest float64 // of the requests per second to those of the other side
	p99Ratio               float64
	ours, other            measurement
}

func (b *bench) measureAll(ctx context.Context) ([]result, error) {
	rows := b.config.rows()
	var results []result
	for i, r := range rows {
		measured, err := b.measure(ctx, r, fmt.Sprintf("%d/%d", i+1, len(rows)))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", r.name(), err)
		}
		b.progress.done("%d/%d %s: %.0f requests/s, %.2f of %s", i+1, len(rows), r.name(),
			measured.ours.requestsPerSecond, measured.ratio, r.otherName())
		results = append(results, measured)
	}
	return results, nil
}

// otherName returns the name of the other side.
func (r row) otherName() string {
	if r.smaller != (dataset{}) {
		return "the small database"
	}
	return "LIMIT"
}

// side is one of the two sides of a row, which are measured in turns.
type side struct {
	load
	writers []*process
	// newSupply, if set, makes the supply of each measurement.
	newSupply func() (*supply, error)
}

// measure measures one row. Both sides run all the time and get requests in turns. They
// alternate in being first.
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
		b.progress.update("%s %s: round %d of %d", place, r.name(), n+1, b.config.rounds)
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

// turn measures a side once. Its writers write only during this measurement, so they do not
// slow LIMIT down.
func (b *bench) turn(ctx context.Context, s side) (measurement, error) {
	if s.newSupply != nil {
		supply, err := s.newSupply()
		if err != nil {
			return measurement{}, err
		}
		s.supply = supply
	}
	for _, w := range s.writers {
		if err := w.startWriting(); err != nil {
			return measurement{}, err
		}
	}
	measured, err := s.run(ctx)
	for _, w := range s.writers {
		perSecond, p99, stopErr := w.stopWriting(ctx)
		err = errors.Join(err, stopErr)
		measured.written, measured.writeP99 = append(measured.written, perSecond), append(measured.writeP99, p99)
	}
	return measured, err
}

// starter registers a process that was started, so that it is stopped in the end.
type starter func(*process, error) (*process, error)

// newSide starts the server on a dataset and sends it the requests that it should have seen. It
// also returns the length of a document.
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
	if r.writing != noWriter {
		args := []string{roleWriter, "-consumers", strconv.Itoa(data.consumers)}
		if r.writing == movingQueue {
			args = append(args, "-queue")
		}
		writer, err := started(b.startOwn(ctx, "other writer", url, args...))
		if err != nil {
			return side{}, 0, err
		}
		s.writers = append(s.writers, writer)
	}
	if r.writing == bothProcesses {
		s.writers = append(s.writers, s.process)
	}
	if s.supply, length, err = b.primedSupply(ctx, r, data, s.address); err != nil {
		return side{}, 0, err
	}
	if r.kind == notModified {
		s.check = checkEmpty
	}
	if r.kind == coldNewToken {
		s.newSupply = func() (*supply, error) { return b.newTokenSupply(data) }
	}
	return s, length, nil
}

func (b *bench) newLoad(r row) load {
	return load{connections: r.connections, warmUp: b.config.duration / 4, duration: b.config.duration, check: checkOwn}
}

// primedSupply returns the requests of a row after it has sent each of them once. It also
// returns the length of the first document.
func (b *bench) primedSupply(ctx context.Context, r row, data dataset, address string) (_ *supply, length int, err error) {
	some := polling
	if r.kind == cold {
		some = coldConsumers
	}
	requests, err := b.client.requests(pick(some, data.consumers))
	if err != nil {
		return nil, 0, err
	}
	err = prime(ctx, address, requests, func(i int, got response) {
		if i == 0 {
			length = len(got.body)
		}
		if r.kind == notModified {
			requests[i] = requests[i].withHeader("If-None-Match", bytes.Clone(got.headerValue("ETag")))
		}
	})
	return &supply{requests: requests}, length, err
}

// newTokenSupply returns requests with new tokens, each of which is used once.
func (b *bench) newTokenSupply(data dataset) (*supply, error) {
	seconds := (b.config.duration + b.config.duration/4).Seconds()
	some := int(newTokens * seconds * float64(runtime.GOMAXPROCS(0)))
	consumers := pick(some, data.consumers)
	for i := len(consumers); i < some; i++ { // if the database has fewer consumers than that
		consumers = append(consumers, consumers[i-data.consumers])
	}
	requests, err := b.client.requests(consumers)
	return &supply{requests: requests, once: true}, err
}

// newLimit starts LIMIT. It gets the same requests as the server and ignores them.
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

// startServer starts the example server. In a row in which the server itself writes, it starts
// the service of this program that can do so.
func (b *bench) startServer(ctx context.Context, r row, data dataset, url string) (*process, error) {
	if r.writing == bothProcesses {
		return b.startOwn(ctx, "writing server", url, roleLibrary,
			"-jwks-file", b.keySetFile(), "-consumers", strconv.Itoa(data.consumers))
	}
	accessLog := "off"
	if r.accessLog {
		accessLog = filepath.Join(b.dir, "access.log")
	}
	args := []string{"-addr", "127.0.0.1:0", "-jwks-file", b.keySetFile(), "-access-log", accessLog}
	switch {
	case r.kind == cold || r.kind == coldNewToken:
		args = append(args, "-cache-bytes", strconv.Itoa(coldCacheBytes))
	case r.database == postgresName:
		args = append(args, "-cache-bytes", strconv.Itoa(hotCacheBytes))
	}
	return startProcess(ctx, b.dir, "example server", b.server, args, databaseVariable(url))
}

// startOwn starts this program in one of its other roles.
func (b *bench) startOwn(ctx context.Context, name, url string, args ...string) (*process, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return startProcess(ctx, b.dir, name, program, args, databaseVariable(url))
}

// databaseVariable passes the URL of a database in the environment, because it may contain a
// password, and the list of processes shows arguments.
func databaseVariable(url string) []string { return []string{"DATABASE_URL=" + url} }

// medians returns the median of each figure. The ratio is the median of the ratios of the
// rounds, in each of which the two sides were measured one after the other.
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
		written:           mediansOf(collect(all, func(m measurement) []float64 { return m.written })),
		writeP99:          mediansOf(collect(all, func(m measurement) []time.Duration { return m.writeP99 })),
	}
}

// mediansOf returns the median figure of each writer.
func mediansOf[N float64 | time.Duration](rounds [][]N) []N {
	var medians []N
	for writer := range rounds[0] {
		medians = append(medians, median(collect(rounds, func(figures []N) N { return figures[writer] })))
	}
	return medians
}

func collect[T, F any](all []T, figure func(T) F) []F {
	figures := make([]F, len(all))
	for i, one := range all {
		figures[i] = figure(one)
	}
	return figures
}

// median returns the middle one of at least one figure, or the mean of the two in the middle.
func median[N float64 | time.Duration](figures []N) N {
	sorted := slices.Sorted(slices.Values(figures))
	half := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[half]
	}
	return (sorted[half-1] + sorted[half]) / 2
}
