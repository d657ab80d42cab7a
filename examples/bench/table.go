package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// report is everything that is published of a run.
type report struct {
	machine string
	command string
	quick   bool
	notes   []string
	results []result
	rounds  int
}

func newReport(c config, notes []string, results []result) report {
	return report{
		machine: machine(time.Now()), command: c.command(), quick: c.quick,
		notes: notes, results: results, rounds: c.rounds,
	}
}

// markdown is the table, with what has to be known to read it.
func (r report) markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "Measured on %s, with\n\n    %s\n\n", r.machine, r.command)
	if r.quick {
		b.WriteString("**This was a quick run: the figures mean little.**\n\n")
	}
	b.WriteString("| | requests/s | × LIMIT | least–greatest | aim | p50 | p99 | p99 × LIMIT's | its aim | server's CPU |\n")
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

// verdict is an aim and whether it was reached. No aim is empty.
func verdict(sign string, aim float64, reached bool) string {
	switch {
	case aim == 0:
		return ""
	case reached:
		return fmt.Sprintf("%s %.2f ok", sign, aim)
	}
	return fmt.Sprintf("%s %.2f **missed**", sign, aim)
}

func milliseconds(d time.Duration) string {
	return fmt.Sprintf("%.2f ms", float64(d)/float64(time.Millisecond))
}

// microseconds leaves a time empty that the system did not tell.
func microseconds(d time.Duration) string {
	if d == 0 {
		return ""
	}
	return fmt.Sprintf("%.1f µs", float64(d)/float64(time.Microsecond))
}

// explanations say what the figures are, with those that hold for all rows.
func (r report) explanations() []string {
	lines := []string{
		fmt.Sprintf("Rounds: %d, in each of which the two sides are measured one right after the other. Figures are medians; the ratio is the median of the rounds' ratios, with the least and the greatest beside it.", r.rounds),
		"LIMIT is a bare `net/http` server in a process of its own that writes a fixed body of the documents' length" + r.limits() + ". With `If-None-Match` it is one that writes an empty 304. Where a row names two sizes of a database, the ratios are of these two instead.",
		"hot: 2,000 consumers poll. cold: another consumer each time of up to 32,768, whose tokens the server has seen; its cache of documents, if it has one, is too small to hold any until it is asked for again. cold and new token: neither was seen.",
		"The load is a closed loop: each connection sends its next request when it has its answer. The percentiles are of all requests that were made, p99 being the time that one in a hundred took longer than. While a server is slow, fewer are sent that would have met it (coordinated omission), so they are not what clients see who come at moments of their own.",
		"The load generator takes its time from the same cores" + r.own() + ". The server's CPU is that of its process for each request, without a database server's.",
	}
	if written := r.written(); written != "" {
		lines = append(lines, fmt.Sprintf("Each writer is to write %d records a second about the consumers who poll, while the server is measured and not while LIMIT is. In fact it was %s. “The server” that writes is a service of this benchmark's that mounts the library, because the example server does not write by itself.", writeRate, written))
	}
	return append(lines, r.notes...)
}

// written tells how much the writers wrote.
func (r report) written() string {
	var parts []string
	for _, one := range r.results {
		var rates []string
		for _, rate := range one.ours.written {
			rates = append(rates, fmt.Sprintf("%.0f", rate))
		}
		if len(rates) > 0 {
			parts = append(parts, fmt.Sprintf("%s (%s)", strings.Join(rates, " and "), one.name()))
		}
	}
	return strings.Join(parts, "; ")
}

// againstLimit are the results with LIMIT on the other side.
func (r report) againstLimit() []result {
	var all []result
	for _, one := range r.results {
		if one.smaller == (dataset{}) {
			all = append(all, one)
		}
	}
	return all
}

// limits tells what LIMIT itself reached at each number of connections, with the documents
// of most rows.
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

// own tells what the load generator itself takes, as far as the system tells.
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
	return fmt.Sprintf(", %s for each request to LIMIT (median of the rows)", microseconds(median(all)))
}
