package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPlan(t *testing.T) {
	var stdout bytes.Buffer
	args := []string{"-list", "-connections", "1,256", "-consumers", "2000000", "-participations", "3,100", "-postgres", "postgres://nowhere"}
	if status := run(t.Context(), args, noEnvironment, nil, &stdout, &bytes.Buffer{}); status != 0 {
		t.Fatalf("exit status %d", status)
	}
	want := `SQLite, hot, access log, 1 connection
SQLite, hot, 1 connection
SQLite, hot with If-None-Match, 1 connection
SQLite, cold, 1 connection
SQLite, cold and new token, 1 connection
SQLite, hot, access log, 256 connections
SQLite, hot, 256 connections
SQLite, hot with If-None-Match, 256 connections
SQLite, cold, 256 connections
SQLite, cold and new token, 256 connections
SQLite, hot, 100 participations, 256 connections
SQLite, cold, 100 participations, 256 connections
SQLite, cold, 2,000,000 consumers against 10,000, 256 connections
SQLite, hot, while another process writes, 256 connections
SQLite, hot, while another process and the server write, 256 connections
SQLite, hot, while another process moves the queue, 1,000,000 members, 256 connections
`
	want += strings.ReplaceAll(want, "SQLite", "Postgres")
	if diff := cmp.Diff(want, stdout.String()); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
}

func TestTargets(t *testing.T) {
	c := config{connections: []int{1, 32, 256}, participations: []int{3, 10}, consumers: 2_000_000, postgres: "postgres://nowhere"}
	type target struct{ AtLeast, P99AtMost float64 }
	got := make(map[string]target)
	for _, r := range c.rows() {
		if r.atLeast > 0 || r.p99AtMost > 0 {
			got[r.name()] = target{r.atLeast, r.p99AtMost}
		}
	}
	want := map[string]target{
		"SQLite, hot, access log, 32 connections":                                                 {0.45, 0},
		"SQLite, hot, access log, 256 connections":                                                {0.45, 2},
		"SQLite, hot, 32 connections":                                                             {0.60, 0},
		"SQLite, hot, 256 connections":                                                            {0.60, 2},
		"SQLite, hot with If-None-Match, 32 connections":                                          {0.70, 0},
		"SQLite, hot with If-None-Match, 256 connections":                                         {0.70, 0},
		"SQLite, cold, 32 connections":                                                            {0.26, 0},
		"SQLite, cold, 256 connections":                                                           {0.26, 0},
		"SQLite, cold and new token, 32 connections":                                              {0.17, 0},
		"SQLite, cold and new token, 256 connections":                                             {0.17, 0},
		"SQLite, cold, 2,000,000 consumers against 10,000, 32 connections":                        {0.78, 0},
		"SQLite, hot, while another process writes, 32 connections":                               {0.45, 0},
		"SQLite, hot, while another process and the server write, 32 connections":                 {0.45, 0},
		"SQLite, hot, while another process moves the queue, 1,000,000 members, 32 connections":   {0.55, 0},
		"Postgres, hot, while another process moves the queue, 1,000,000 members, 32 connections": {0.55, 0},
		"Postgres, hot, access log, 256 connections":                                              {0, 2},
		"Postgres, hot, 32 connections":                                                           {0.60, 0},
		"Postgres, hot, 256 connections":                                                          {0.60, 2},
		"Postgres, cold, 32 connections":                                                          {0.18, 0},
		"Postgres, cold, 256 connections":                                                         {0.18, 0},
		"Postgres, cold, 2,000,000 consumers against 10,000, 32 connections":                      {0.78, 0},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("targets (-want +got):\n%s", diff)
	}
}

// TestCommand checks that the command repeats the run and has no address or password.
func TestCommand(t *testing.T) {
	c, err := parseConfig([]string{
		"-quick", "-consumers", "5000", "-only", "hot|cold", "-postgres", "postgres://ada:secret@db", "-dir", "/somewhere",
	}, noEnvironment, &bytes.Buffer{})
	must(t, err)
	want := "go run ./examples/tools/bench -connections 1,8 -duration 50ms -rounds 1 -consumers 5000 -participations 3,0 -postgres URL -only 'hot|cold'"
	if diff := cmp.Diff(want, c.command()); diff != "" {
		t.Errorf("command (-want +got):\n%s", diff)
	}
}
