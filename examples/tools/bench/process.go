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
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	// startTimeout is how long a process may take until it is ready.
	startTimeout = 2 * time.Minute
	// stopTimeout is how long a process may take to exit after a signal.
	stopTimeout = time.Minute
	// ready is the first line of a process that does not listen on a port.
	ready     = "ready"
	listening = "listening on http://"
)

// process is a process that the benchmark started.
type process struct {
	name    string
	address string // HOST:PORT if the process listens
	cmd     *exec.Cmd
	cancel  context.CancelFunc
	stdin   io.WriteCloser // processes of this program exit when it is closed
	lines   chan string    // of stdout; dropped if the channel is full
	log     string         // the file that gets stderr
}

// startProcess starts a program and waits until it prints that it is ready. Its stderr goes to
// a file in dir. An error includes the last line of that file.
func startProcess(ctx context.Context, dir, name, program string, args, environment []string) (_ *process, err error) {
	ctx, cancel := context.WithCancel(ctx)
	p := &process{name: name, cmd: exec.CommandContext(ctx, program, args...), cancel: cancel, lines: make(chan string, 16)}
	p.log = filepath.Join(dir, strings.ReplaceAll(name, " ", "-")+".stderr")
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("start the %s: %w%s", name, err, p.lastLine()), p.stop())
		}
	}()
	p.cmd.Env = append(inherited(), environment...)
	p.cmd.Cancel = func() error { return terminate(p.cmd.Process) }
	p.cmd.WaitDelay = stopTimeout
	stderr, err := os.Create(p.log)
	if err != nil {
		return nil, err
	}
	defer stderr.Close() // the process has its own descriptor
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
		return nil, fmt.Errorf("it printed %q", line)
	}
	p.address = address
	return p, nil
}

// inherited returns the environment without the variables that the example server reads.
func inherited() []string {
	var kept []string
	for _, name := range []string{"PATH", "HOME", "TMPDIR", "GOMAXPROCS", "GOGC", "GOMEMLIMIT", "GODEBUG", "PGPASSFILE"} {
		if value, ok := os.LookupEnv(name); ok {
			kept = append(kept, name+"="+value)
		}
	}
	return kept
}

// read sends the lines to the channel. It drops lines instead of blocking the process.
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
		return "", fmt.Errorf("it printed nothing for %s", timeout)
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// stop ends the process and waits for it.
func (p *process) stop() error {
	defer p.cancel()
	if p.cmd.Process == nil {
		return nil
	}
	_ = p.stdin.Close() // the process may have ended already
	p.cancel()
	err := p.cmd.Wait()
	if err == nil || errors.Is(err, context.Canceled) {
		return nil // the process ended because of the signal
	}
	return fmt.Errorf("the %s: %w%s", p.name, err, p.lastLine())
}

// terminate sends SIGTERM to a process, or kills it on a system without signals.
func terminate(process *os.Process) error {
	if err := process.Signal(syscall.SIGTERM); err == nil || errors.Is(err, os.ErrProcessDone) {
		return err
	}
	return process.Kill()
}

// lastLine returns the last line of stderr as the end of an error text.
func (p *process) lastLine() string {
	data, err := os.ReadFile(p.log)
	lines := strings.Split(strings.TrimSpace(string(data)), "\n")
	if last := lines[len(lines)-1]; err == nil && last != "" {
		return ": " + last
	}
	return ""
}

// pid returns the ID of the process, or 0 for nil.
func (p *process) pid() int {
	if p == nil {
		return 0
	}
	return p.cmd.Process.Pid
}

// clockTick is the unit of the times in /proc/PID/stat (USER_HZ).
const clockTick = 10 * time.Millisecond

// cpuTime returns the processor time of a process, or 0 on a system without /proc. The pid 0
// is this process.
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

// parseCPUTime returns the sum of user and system time, the 12th and 13th field after the
// program's name (proc_pid_stat(5)). The name may contain any characters, even parentheses.
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

// buildServer builds the example server and returns the path of the program.
func buildServer(ctx context.Context, dir string) (string, error) {
	program := filepath.Join(dir, "example-server.exe") // Windows needs the suffix
	build := exec.CommandContext(ctx, "go", "build", "-o", program, "github.com/rejoinhq/rejoin/examples/server")
	if output, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the example server: %w: %s", err, output)
	}
	return program, nil
}
