package onboarding

import (
	"context"
	"sync"
)

// once reads each key one time, however many ask for it at once. A read that failed is answered to all who ask.
type once[K comparable, V any] struct {
	read func(context.Context, K) (V, error)
	mu   sync.Mutex
	seen map[K]func() (V, error)
}

func newOnce[K comparable, V any](read func(context.Context, K) (V, error)) *once[K, V] {
	return &once[K, V]{read: read, seen: map[K]func() (V, error){}}
}

func (o *once[K, V]) get(ctx context.Context, key K) (V, error) {
	o.mu.Lock()
	value, ok := o.seen[key]
	if !ok {
		value = sync.OnceValues(func() (V, error) { return o.read(ctx, key) })
		o.seen[key] = value
	}
	o.mu.Unlock()
	return value()
}
