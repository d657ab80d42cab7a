package main

import (
	"log/slog"
	"time"

	"github.com/rejoinhq/rejoin/httpserver"
)

const (
	defaultCacheBytes = 64 << 20
	// defaultStaleness is for a database that tells of changes a little later.
	defaultStaleness = time.Second
)

// openCache opens the cache of documents that -cache-bytes and -cache-staleness describe,
// or none. On SQLite, whose answers stay exact, it is on unless that is refused.
func openCache(c config, database database, logger *slog.Logger) (*httpserver.Cache, error) {
	_, exact := database.(httpserver.ExactFeed)
	bytes, staleness := c.cacheBytes, c.cacheStaleness
	if bytes == unsetCacheBytes && exact {
		bytes = defaultCacheBytes
	}
	if bytes <= 0 {
		return nil, nil
	}
	if staleness == 0 && !exact {
		staleness = defaultStaleness
	}
	return httpserver.NewCache(httpserver.CacheOptions{
		Changes: database, MaxBytes: bytes, MaxStaleness: staleness, Logger: logger,
	})
}
