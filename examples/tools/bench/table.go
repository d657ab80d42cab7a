package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// report has everything that a run publishes.
type report struct {
	machine string
	command string
	quick   bool
	results []result
	rounds  int
}

func newReport(c config, results []result) report {
	return report{
		machine: machine(time.Now()), command: c.command(), quick: c.quick,
		results: results, rounds: c.rounds,
	}
}

// markdown returns the table and the explanations of its figures.
func (r report) markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "Measured on %s, with\n\n    %s\n\n", r.machine, r.command)
	if r.quick {
		b.WriteString("**This was a quick run: the figures mean little.**\n\n")
	}
	b.WriteString("| | requests/s | × LIMIT | range | target | p50 | p99 | p99 × LIMIT | target | server CPU |\n")
	b.WriteString("|---|---:|---:|---:|---|---:|---:|---:|---|---:|\n")
	for _, one := range r.results {
		fmt.Fprintf(&b, "| %s | %s | %.2f | %.2f–%.2f | %s | %s | %s | %.1f | %s | %s |\n",
			one.name(), grouped(int(one.ours.requestsPerSecond)), one.ratio, one.least, one.greatest,
			verdict("≥", one.atLeast, one.ratio >= one.atLeast),
			milliseconds(one.ours.p50), milliseconds(one.ours.p99), one.p99Ratio,
			verdict("≤", one.p99AtMost, one.p99Ratio <= one.p99AtMost), microseconds(one.ours.serverCPU))
	}
	b.WriteString("\n")
	for _, line := range r.explanations() {
		fmt.Fprintf(&b, "- %s\n", line)
	}
	return b.String()
}

// verdict returns a target and whether it was reached, or an empty string for no target.
func verdict(sign string, target float64, reached bool) string {
	switch {
	case target == 0:
		return ""
	case reached:
		return fmt.Sprintf("%s %.2f ok", sign, target)
	}
	return fmt.Sprintf("%s %.2f **missed**", sign, target)
}

func milliseconds(d time.Duration) string {
	return fmt.Sprintf("%.2f ms", float64(d)/float64(time.Millisecond))
}

// microseconds returns an empty string if the time is not known.
func microseconds(d time.Duration) string {
	if d == 0 {
		return ""
	}
	return fmt.Sprintf("%.1f µs", float64(d)/float64(time.Microsecond))
}

// explanations returns sentences about the figures, including those for all rows.
func (r report) explanations() []string {
	lines := []string{
		fmt.Sprintf("Rounds: %d. In each round the two sides are measured one after the other. Figures are medians. The ratio is the median of the ratios of the rounds, and the range has the smallest and the largest of these.", r.rounds),
		"LIMIT is a bare `net/http` server in a process of its own. It writes a fixed body that is as long as the documents" + r.limits() + ". With `If-None-Match` it writes an empty 304. If a row names two sizes of a database, its ratios compare these two instead.",
		"hot: 2,000 consumers poll. cold: each request is about another one of up to 32,768 consumers, whose tokens the server has seen. Its document cache is too small to keep a document until the next request for it. cold and new token: the server has not seen the token either.",
		"The load is a closed loop: each connection sends its next request when it has the response to the previous one. The percentiles are those of the requests that were sent: one request in a hundred took longer than p99. While a server is slow, a closed loop sends fewer requests, so clients that arrive independently would see higher percentiles (coordinated omission).",
		"The load generator runs on the same cores" + r.own() + ". Server CPU is the processor time of the server's process for each request, without that of a database server.",
	}
	if written := r.written(); written != "" {
		lines = append(lines, fmt.Sprintf("Each writer is set to %d records a second about the consumers that poll, while the server is measured but not while LIMIT is. The actual rates, and the 99th percentile of a write, were %s. The server that writes is a service of this benchmark that mounts the library, because the example server does not write. Where another process moves the queue, it writes one record %d times a second, which changes the position of every member.", writeRate, written, moveRate))
	}
	return lines
}

// written returns the rates of the writers.
func (r report) written() string {
	var parts []string
	for _, one := range r.results {
		var rates []string
		for i, rate := range one.ours.written {
			rates = append(rates, fmt.Sprintf("%.0f within %s", rate, milliseconds(one.ours.writeP99[i])))
		}
		if len(rates) > 0 {
			parts = append(parts, fmt.Sprintf("%s (%s)", strings.Join(rates, " and "), one.name()))
		}
	}
	return strings.Join(parts, "; ")
}

// againstLimit returns the results with LIMIT on the other side.
func (r report) againstLimit() []result {
	var all []result
	for _, one := range r.results {
		if one.smaller == (dataset{}) {
			all = append(all, one)
		}
	}
	return all
}

// limits returns the throughput of LIMIT at each number of connections, with the documents of
// most rows.
func (r report) limits() string {
	byConnections := make(map[int][]float64)
	for _, one := range r.againstLimit() {
		if one.kind != notModified && one.about == "" {
			byConnections[one.connections] = append(byConnections[one.connections], one.other.requestsPerSecond)
		}
	}
	if len(byConnections) == 0 {
		return ""
	}
	var parts []string
	for _, n := range slices.Sorted(maps.Keys(byConnections)) {
		all := byConnections[n]
		parts = append(parts, fmt.Sprintf("%s–%s requests/s at %s", grouped(int(slices.Min(all))), grouped(int(slices.Max(all))), connections(n)))
	}
	return ": " + strings.Join(parts, ", ")
}

// own returns the processor time of the load generator, if the system reports it.
func (r report) own() string {
	var all []time.Duration
	for _, one := range r.againstLimit() {
		if one.other.ownCPU > 0 {
			all = append(all, one.other.ownCPU)
		}
	}
	if len(all) == 0 {
		return ""
	}
	return fmt.Sprintf(" and needs %s for each request to LIMIT (median of the rows)", microseconds(median(all)))
}
