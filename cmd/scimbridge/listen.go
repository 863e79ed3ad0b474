package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// listen binds an address. Where loopback is asked for, any other is refused: what
// listens there has no other protection.
func listen(address string, loopbackOnly bool, escape string) (net.Listener, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, usage("%q is no address to listen on; expected HOST:PORT such as 127.0.0.1:8080 (%v)", address, err)
	}
	if loopbackOnly && !isLoopback(host) {
		return nil, usage("%s is not loopback, and what listens there is for this machine alone; use 127.0.0.1, or %s if you know what you do", address, escape)
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w; is another program using the port? (:0 takes a free one)", address, err)
	}
	return l, nil
}

func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// drainFor is how long requests that are being answered are waited for at the end:
// longer than a delivery's budget, shorter than a container's grace of 30 s.
const drainFor = 15 * time.Second

// serveHTTP serves until ctx is done, then lets the requests under way end.
func serveHTTP(ctx context.Context, l net.Listener, h http.Handler, log *slog.Logger) error {
	server := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 10 * time.Second, // a client that dribbles its headers holds no worker for ever (H-24)
		ReadTimeout:       2 * time.Minute,  // a body of the largest size at 0.5 Mbit/s
		IdleTimeout:       3 * time.Minute,  // longer than a load balancer's, so that it is the one who closes
		MaxHeaderBytes:    128 << 10,        // a filter in the URL may be 64 kB
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(l) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	drain, cancel := context.WithTimeout(context.Background(), drainFor)
	defer cancel()
	if err := server.Shutdown(drain); err != nil {
		server.Close()
	}
	if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
