package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	// startTimeout is how long a process may take to say that it is ready.
	startTimeout = 30 * time.Second
	// stopTimeout is how long it may take to end when it is asked to.
	stopTimeout = 20 * time.Second
	// ready is the first line of a process that does not listen.
	ready     = "ready"
	listening = "listening on http://"
)

// process is one that the benchmark started.
type process struct {
	name    string
	address string // HOST:PORT, if it listens
	cmd     *exec.Cmd
	cancel  context.CancelFunc
	stdin   io.WriteCloser // our own programs end when it is closed, also by our death
	lines   chan string    // of stdout; what nobody waits for is dropped
	log     string         // file of stderr
}

// startProcess starts a program, and returns when it says that it is ready. Its stderr goes
// to a file in dir, of which the end is told when it fails.
func startProcess(ctx context.Context, dir, name, program string, args, environment []string) (_ *process, err error) {
	ctx, cancel := context.WithCancel(ctx)
	p := &process{name: name, cmd: exec.CommandContext(ctx, program, args...), cancel: cancel, lines: make(chan string, 16)}
	p.log = filepath.Join(dir, strings.ReplaceAll(name, " ", "-")+".stderr")
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("start the %s: %w%s", name, err, p.lastWords()), p.stop())
		}
	}()
	p.cmd.Env = append(inherited(), environment...)
	p.cmd.Cancel = func() error { return terminate(p.cmd.Process) }
	p.cmd.WaitDelay = stopTimeout
	stderr, err := os.Create(p.log)
	if err != nil {
		return nil, err
	}
	defer stderr.Close() // the process has its own by then
	p.cmd.Stderr = stderr
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go p.read(stdout)
	line, err := p.line(ctx, startTimeout)
	if err != nil {
		return nil, err
	}
	address, listens := strings.CutPrefix(line, listening)
	if !listens && line != ready {
		return nil, fmt.Errorf("it said %q", line)
	}
	p.address = address
	return p, nil
}

// inherited is the environment without what an example server would take for its flags.
func inherited() []string {
	var kept []string
	for _, name := range []string{"PATH", "HOME", "TMPDIR", "GOMAXPROCS", "GOGC", "GOMEMLIMIT", "GODEBUG", "PGPASSFILE"} {
		if value, ok := os.LookupEnv(name); ok {
			kept = append(kept, name+"="+value)
		}
	}
	return kept
}

// read hands the lines out, and never lets the process wait for a reader.
func (p *process) read(stdout io.Reader) {
	defer close(p.lines)
	scanner := bufio.NewScanner(stdout)
	scanner.Buffer(nil, 1<<20)
	for scanner.Scan() {
		select {
		case p.lines <- scanner.Text():
		default:
		}
	}
}

// line waits for the next line.
func (p *process) line(ctx context.Context, timeout time.Duration) (string, error) {
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	select {
	case line, open := <-p.lines:
		if !open {
			return "", errors.New("it ended")
		}
		return line, nil
	case <-timer.C:
		return "", fmt.Errorf("it said nothing for %s", timeout)
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// stop ends the process, and returns when it is gone.
func (p *process) stop() error {
	defer p.cancel()
	if p.cmd.Process == nil {
		return nil
	}
	_ = p.stdin.Close() // it may be gone already
	p.cancel()
	err := p.cmd.Wait()
	if err == nil || errors.Is(err, context.Canceled) {
		return nil // it ended as it was asked to
	}
	return fmt.Errorf("the %s: %w%s", p.name, err, p.lastWords())
}

// terminate asks a process to end, where the system knows how to ask.
func terminate(process *os.Process) error {
	if err := process.Signal(syscall.SIGTERM); err == nil || errors.Is(err, os.ErrProcessDone) {
		return err
	}
	return process.Kill()
}

// lastWords is the last line of stderr, to stand behind an error.
func (p *process) lastWords() string {
	data, err := os.ReadFile(p.log)
	lines := strings.Split(strings.TrimSpace(string(data)), "\n")
	if last := lines[len(lines)-1]; err == nil && last != "" {
		return ": " + last
	}
	return ""
}

// pid is 0 for no process.
func (p *process) pid() int {
	if p == nil {
		return 0
	}
	return p.cmd.Process.Pid
}

// clockTick is the unit of /proc/PID/stat on every Linux (USER_HZ).
const clockTick = 10 * time.Millisecond

// cpuTime is how much processor time a process took so far, or 0 where /proc doesn't tell.
// The pid 0 stands for this process.
func cpuTime(pid int) time.Duration {
	name := "self"
	if pid != 0 {
		name = strconv.Itoa(pid)
	}
	stat, err := os.ReadFile(filepath.Join("/proc", name, "stat"))
	if err != nil {
		return 0
	}
	return parseCPUTime(string(stat))
}

// parseCPUTime adds user and system time, which are the 12th and 13th field behind the
// program's name (proc_pid_stat(5)). The name may hold anything, also parentheses.
func parseCPUTime(stat string) time.Duration {
	fields := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])
	if len(fields) < 13 {
		return 0
	}
	var ticks int64
	for _, field := range fields[11:13] {
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return 0
		}
		ticks += n
	}
	return time.Duration(ticks) * clockTick
}

// exampleServer is the program that is measured.
type exampleServer struct {
	program string
	flags   map[string]bool // that it has
}

// buildServer builds the example server, unless a program is given, and asks it for its
// flags: it may be an older one.
func buildServer(ctx context.Context, dir, program string) (*exampleServer, error) {
	if program == "" {
		program = filepath.Join(dir, "example-server.exe") // the ending is needed on Windows, and harmless
		build := exec.CommandContext(ctx, "go", "build", "-o", program, "github.com/rejoinhq/rejoin/examples/server")
		if output, err := build.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("build the example server: %w: %s", err, output)
		}
	}
	help := exec.CommandContext(ctx, program, "-help")
	help.Env = inherited()
	usage, err := help.Output()
	if err != nil {
		return nil, fmt.Errorf("ask the example server for its flags: %w", err)
	}
	return &exampleServer{program, parseFlagNames(string(usage))}, nil
}

var flagName = regexp.MustCompile(`(?m)^ +-([a-z][a-z-]*)`)

func parseFlagNames(usage string) map[string]bool {
	names := make(map[string]bool)
	for _, match := range flagName.FindAllStringSubmatch(usage, -1) {
		names[match[1]] = true
	}
	return names
}
