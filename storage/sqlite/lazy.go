package sqlite

import (
	"context"
	"sync/atomic"
)

// lazy makes a value when it is first asked for, and once only, unless making it
// failed. Statements need it: they cannot be prepared before the schema is there,
// which may be migrated by another process, long after Open.
type lazy[T any] struct {
	turn  chan struct{} // holds a token while somebody makes the value
	value atomic.Pointer[T]
}

func newLazy[T any]() lazy[T] { return lazy[T]{turn: make(chan struct{}, 1)} }

// get gives up when the context ends, also while another caller makes the value.
func (l *lazy[T]) get(ctx context.Context, produce func(context.Context) (*T, error)) (*T, error) {
	if value := l.value.Load(); value != nil {
		return value, nil
	}
	select {
	case l.turn <- struct{}{}:
		defer func() { <-l.turn }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if value := l.value.Load(); value != nil {
		return value, nil
	}
	value, err := produce(ctx)
	if err != nil {
		return nil, err
	}
	l.value.Store(value)
	return value, nil
}
