package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
)

const roleLimit = "limit"

// runLimit is LIMIT: a bare server that writes a body of a fixed length, or an empty 304 with
// -empty. It exits when its stdin is closed, which also happens when the benchmark is killed.
func runLimit(ctx context.Context, args []string, _ func(string) string, stdin io.Reader, stdout, _ io.Writer) error {
	flags := flag.NewFlagSet(roleLimit, flag.ContinueOnError)
	length := flags.Int("body", 0, "length of the body in bytes")
	empty := flags.Bool("empty", false, "write an empty 304")
	if err := flags.Parse(args); err != nil {
		return err
	}
	handler := fixedBody(*length)
	if *empty {
		handler = emptyNotModified
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		defer cancel()
		_, _ = io.Copy(io.Discard, stdin)
	}()
	return serve(ctx, &http.Server{Handler: handler}, stdout)
}

// fixedBody returns a handler that sets the headers which net/http would otherwise compute for
// each response.
func fixedBody(length int) http.HandlerFunc {
	body := bytes.Repeat([]byte("x"), length)
	contentLength := []string{strconv.Itoa(length)}
	contentType := []string{"application/json"}
	return func(w http.ResponseWriter, _ *http.Request) {
		header := w.Header()
		header["Content-Length"] = contentLength
		header["Content-Type"] = contentType
		_, _ = w.Write(body) // the client may have closed the connection
	}
}

func emptyNotModified(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotModified) }

// serve listens on a free port, prints its address, and serves until ctx is done.
func serve(ctx context.Context, server *http.Server, stdout io.Writer) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(stdout, "%s%s\n", listening, listener.Addr()); err != nil {
		return errors.Join(err, listener.Close())
	}
	release := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer release()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
