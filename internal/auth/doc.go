// Package auth says who may call: it makes, keeps and checks bearer tokens (RFC
// 6750) and says why a request was turned away, in the words of WWW-Authenticate.
//
// A token is 256 random bits that are shown once; the store keeps its SHA-256. It
// opens one tenant. The package answers no request and knows no SCIM: package scim
// turns an [Error] into an answer.
//
// It also makes and keeps what else is secret in a store ([Secret]).
package auth
