package main

import (
	"time"

	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/httpserver"
)

const (
	defaultCacheBytes = 64 << 20
	// defaultStaleness is for a database that notifies of changes a little later.
	defaultStaleness = time.Second
)

// cacheOptions returns the options of the document cache for -cache-bytes and
// -cache-staleness, or nil for no cache. On SQLite, where responses stay exact, the default
// is a cache.
func cacheOptions(c config, database database) *httpserver.CacheOptions {
	_, exact := database.(consumer.ExactChangeFeed)
	bytes, staleness := c.cacheBytes, c.cacheStaleness
	if bytes == unsetCacheBytes && exact {
		bytes = defaultCacheBytes
	}
	if bytes <= 0 {
		return nil
	}
	if staleness == 0 && !exact {
		staleness = defaultStaleness
	}
	return &httpserver.CacheOptions{MaxBytes: bytes, MaxStaleness: staleness}
}
