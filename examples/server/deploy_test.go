package main

import (
	"io"
	"maps"
	"net"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// The files in examples/deploy depend on this program and on go.mod. These tests read
// them, so that they stay in step.

func readFile(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	must(t, err)
	return string(text)
}

// matches returns the groups of every match of a pattern in a text. It fails the test if
// there is no match.
func matches(t *testing.T, pattern, text string) [][]string {
	t.Helper()
	found := regexp.MustCompile(pattern).FindAllStringSubmatch(text, -1)
	if len(found) == 0 {
		t.Fatalf("nothing matches %s", pattern)
	}
	for i := range found {
		found[i] = found[i][1:]
	}
	return found
}

// match returns what the group of a pattern matches in the one place where it does.
func match(t *testing.T, pattern, text string) string {
	t.Helper()
	found := matches(t, pattern, text)
	if len(found) != 1 {
		t.Fatalf("%s matches %d times", pattern, len(found))
	}
	return found[0][0]
}

// environments returns the environment that each file gives the server.
func environments(t *testing.T) map[string]map[string]string {
	t.Helper()
	compose := readFile(t, "../deploy/compose.yaml")
	_, server, _ := strings.Cut(compose, "\n  server:\n")
	server, _, _ = strings.Cut(server, "\n  database:\n")
	parsed := map[string]map[string]string{}
	for file, pairs := range map[string][][]string{
		"Dockerfile":     matches(t, `([A-Z_]+)=(\S+)`, match(t, `(?m)^ENV (.+)$`, readFile(t, "../deploy/Dockerfile"))),
		"rejoin.service": matches(t, `([A-Z_]+)=(\S+)`, match(t, `(?m)^Environment=(.+)$`, readFile(t, "../deploy/rejoin.service"))),
		"compose.yaml":   matches(t, `(?m)^      ([A-Z_]+): (.+)$`, server),
	} {
		parsed[file] = map[string]string{}
		for _, pair := range pairs {
			// .env has what is required and nothing else.
			value := regexp.MustCompile(`\$\{\w+:\?[^}]*\}`).ReplaceAllString(pair[1], "required")
			parsed[file][pair[0]] = regexp.MustCompile(`\$\{[^}]*\}`).ReplaceAllString(value, "")
		}
	}
	// The compose file adds to the environment of the image.
	image := maps.Clone(parsed["Dockerfile"])
	maps.Copy(image, parsed["compose.yaml"])
	parsed["compose.yaml"] = image
	return parsed
}

func TestDeployedEnvironment(t *testing.T) {
	known := slices.Collect(maps.Values(variables))
	known = append(known, "PGPASSWORD") // which the Postgres driver reads
	for file, environment := range environments(t) {
		t.Run(file, func(t *testing.T) {
			for name := range environment {
				if !slices.Contains(known, name) {
					t.Errorf("nothing reads %s", name)
				}
			}
			c, err := parseConfig(program{getenv: func(name string) string { return environment[name] }, stdout: io.Discard}, nil)
			must(t, err)
			if c.demo {
				t.Error("the server would load the demonstration data")
			}
			if c.opsAddr == "" {
				t.Error("the public could read the metrics")
			}
			if file == "compose.yaml" && c.jwksURL != "required" {
				t.Error("compose would start without an issuer")
			}
			// The loopback address of a container cannot be reached from outside. Without a
			// container it keeps the network out.
			for _, addr := range []string{c.addr, c.opsAddr} {
				host, _, err := net.SplitHostPort(addr)
				must(t, err)
				if isLoopback(host) != (file == "rejoin.service") {
					t.Errorf("the server would listen on %s", addr)
				}
			}
		})
	}
}

func TestDeployedCommands(t *testing.T) {
	dockerfile, compose := readFile(t, "../deploy/Dockerfile"), readFile(t, "../deploy/compose.yaml")
	unit := readFile(t, "../deploy/rejoin.service")
	for where, command := range map[string]string{
		"HEALTHCHECK":                match(t, `(?m)^HEALTHCHECK .*\["/server", "(.*)"\]$`, dockerfile),
		"the comment on keys":        match(t, `(?m)^#.* /server (keys create -org org_1 -kind secret)$`, compose),
		"the unit's comment on keys": match(t, `(?m)^#   rejoin (keys create -database sqlite:\S+ -org org_1 -kind secret)$`, unit),
	} {
		t.Run(where, func(t *testing.T) {
			args := strings.Fields(command)
			if _, known := commands[args[0]]; !known {
				t.Fatalf("there is no command %s", args[0])
			}
			_, usage, _ := execute(t, args[0], "-help")
			for _, flag := range regexp.MustCompile(` (-[a-z]+)`).FindAllString(command, -1) {
				if !strings.Contains(usage, "\n "+flag+" ") {
					t.Errorf("%s has no flag %s", args[0], flag)
				}
			}
		})
	}
	t.Run("ExecStart has no arguments and is the program that the comment builds", func(t *testing.T) {
		binary := match(t, `(?m)^ExecStart=(\S+)$`, unit)
		if built := match(t, `(?m)^#.*go build .*-o (\S+) ./examples/server$`, unit); built != binary {
			t.Errorf("built as %s, started as %s", built, binary)
		}
	})
}

func TestDeployedNumbers(t *testing.T) {
	dockerfile, compose := readFile(t, "../deploy/Dockerfile"), readFile(t, "../deploy/compose.yaml")
	unit := readFile(t, "../deploy/rejoin.service")
	t.Run("the image has the Go version of go.mod", func(t *testing.T) {
		image := match(t, `(?m)^FROM .*golang:([0-9.]+) AS build$`, dockerfile)
		if module := match(t, `(?m)^go ([0-9]+\.[0-9]+)`, readFile(t, "../../go.mod")); image != module {
			t.Errorf("image %s, module %s", image, module)
		}
	})
	t.Run("the port is the same everywhere", func(t *testing.T) {
		ports := []string{
			match(t, `(?m)^ENV ADDR=:([0-9]+) `, dockerfile), match(t, `(?m)^EXPOSE ([0-9]+)$`, dockerfile),
			match(t, `(?m)^    ports: \["127\.0\.0\.1:[0-9]+:([0-9]+)"\]`, compose),
		}
		if len(slices.Compact(ports)) != 1 {
			t.Errorf("ports %q", ports)
		}
	})
	_, server, _ := strings.Cut(compose, "\n  server:\n")
	server, _, _ = strings.Cut(server, "\n  database:\n")
	for file, wait := range map[string]string{
		"compose.yaml":   match(t, `(?m)^    stop_grace_period: (\w+)`, server),
		"rejoin.service": match(t, `(?m)^TimeoutStopSec=(\w+)$`, unit),
	} {
		t.Run(file+" waits until requests have ended", func(t *testing.T) {
			d, err := time.ParseDuration(wait)
			must(t, err)
			if d <= drainTimeout {
				t.Errorf("waits %s, the server %s", d, drainTimeout)
			}
		})
	}
}
