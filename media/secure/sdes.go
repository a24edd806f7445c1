package secure

import (
	"encoding/base64"
	"fmt"
	"math/big"
	"strconv"
	"strings"
)

const (
	maxKeys     = 8    // of one a=crypto line
	maxMKI      = 16   // octets; RFC 4568 §6.1 allows 128, nobody sends them
	maxInline   = 4096 // characters
	maxLifetime = 48   // 2^48 packets, the most that a key may protect (RFC 3711 §9.2)
)

// ParseKey reads the suite and the "inline:..." part of an a=crypto line, with several
// keys distinguished by MKI, lifetimes, missing base64 padding, and session parameters
// (RFC 4568 §6). It refuses what we cannot support. It only checks the form of a
// lifetime: the side that made a key has to replace it in time.
func ParseKey(suite, inline string) (Key, error) {
	profile, err := ParseProfile(suite)
	if err != nil {
		return Key{}, err
	}
	if len(inline) > maxInline {
		return Key{}, fmt.Errorf("%w: %d characters, at most %d", ErrKey, len(inline), maxInline)
	}
	words := strings.Fields(inline)
	if len(words) == 0 {
		return Key{}, fmt.Errorf("%w: empty", ErrKey)
	}
	if err := sessionParameters(words[1:]); err != nil {
		return Key{}, err
	}
	parts := strings.Split(strings.TrimSuffix(words[0], ";"), ";")
	if len(parts) > maxKeys {
		return Key{}, fmt.Errorf("%w: %d keys in one line, at most %d", ErrKey, len(parts), maxKeys)
	}
	keys := make([]Key, len(parts))
	for i, part := range parts {
		if keys[i], err = parseInline(profile, part); err != nil {
			return Key{}, err
		}
	}
	if err := distinct(keys); err != nil {
		return Key{}, err
	}
	if len(keys) > 1 {
		keys[0].Others = keys[1:]
	}
	return keys[0], nil
}

// distinct requires that each of several keys has an MKI of its own, all of one length
// (RFC 4568 §6.1).
func distinct(keys []Key) error {
	if len(keys) < 2 {
		return nil
	}
	seen := map[string]bool{}
	for _, k := range keys {
		switch {
		case len(k.MKI) == 0:
			return fmt.Errorf("%w: several keys, one without MKI", ErrKey)
		case len(k.MKI) != len(keys[0].MKI):
			return fmt.Errorf("%w: MKIs of several lengths", ErrKey)
		case seen[string(k.MKI)]:
			return fmt.Errorf("%w: one MKI for two keys", ErrKey)
		}
		seen[string(k.MKI)] = true
	}
	return nil
}

// parseInline reads one "inline:key||salt|lifetime|MKI:length"; lifetime and MKI are
// optional.
func parseInline(p Profile, s string) (Key, error) {
	const method = "inline:"
	if len(s) < len(method) || !strings.EqualFold(s[:len(method)], method) {
		return Key{}, fmt.Errorf("%w: its method is not inline", ErrKey)
	}
	fields := strings.Split(s[len(method):], "|")
	master, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(fields[0], "="))
	if err != nil {
		// The decoder's error would quote a part of the key.
		return Key{}, fmt.Errorf("%w: not base64", ErrKey)
	}
	k := Key{Profile: p, Master: master}
	if _, err := k.check(); err != nil {
		return Key{}, err
	}
	rest := fields[1:]
	if len(rest) > 0 && !strings.Contains(rest[0], ":") {
		if err := checkLifetime(rest[0]); err != nil {
			return Key{}, err
		}
		rest = rest[1:]
	}
	if len(rest) > 0 {
		if k.MKI, err = parseMKI(rest[0]); err != nil {
			return Key{}, err
		}
		rest = rest[1:]
	}
	if len(rest) > 0 {
		return Key{}, fmt.Errorf("%w: more after lifetime and MKI", ErrKey)
	}
	return k, nil
}

// checkLifetime accepts "2^31" or a plain number of packets. An empty field means no
// lifetime.
func checkLifetime(s string) error {
	if s == "" {
		return nil
	}
	if exponent, ok := strings.CutPrefix(s, "2^"); ok {
		if n, err := strconv.ParseUint(exponent, 10, 8); err != nil || n > maxLifetime {
			return fmt.Errorf("%w: lifetime %.24q is not within 2^%d packets", ErrKey, s, maxLifetime)
		}
		return nil
	}
	if n, err := strconv.ParseUint(s, 10, 64); err != nil || n == 0 || n > 1<<maxLifetime {
		return fmt.Errorf("%w: lifetime %.24q is not within 1 and 2^%d packets", ErrKey, s, maxLifetime)
	}
	return nil
}

// parseMKI reads "value:length": a decimal number and its length in octets.
func parseMKI(s string) ([]byte, error) {
	value, size, ok := strings.Cut(s, ":")
	n, err := strconv.ParseUint(size, 10, 8)
	if !ok || err != nil || n == 0 || n > maxMKI {
		return nil, fmt.Errorf("%w: MKI %.24q is not value:length with a length of 1 to %d", ErrKey, s, maxMKI)
	}
	number, ok := new(big.Int).SetString(value, 10)
	if !ok || len(value) > 40 || number.Sign() < 0 || number.BitLen() > int(n)*8 || value[0] == '+' {
		return nil, fmt.Errorf("%w: MKI %.24q does not fit in %d octets", ErrKey, s, n)
	}
	return number.FillBytes(make([]byte, n)), nil
}

// sessionParameters refuses parameters that would change what is sent. WSH is only a
// hint, and those with a leading dash may be ignored (RFC 4568 §6.3).
func sessionParameters(words []string) error {
	for _, w := range words {
		name, _, _ := strings.Cut(strings.ToUpper(w), "=")
		switch {
		case strings.HasPrefix(w, "-"), name == "WSH":
		case name == "KDR":
			return fmt.Errorf("%w: session parameter KDR: keys are derived once", ErrKey)
		case name == "UNENCRYPTED_SRTP", name == "UNENCRYPTED_SRTCP", name == "UNAUTHENTICATED_SRTP":
			return fmt.Errorf("%w: session parameter %s: media is never sent less protected", ErrKey, name)
		case name == "FEC_ORDER", name == "FEC_KEY":
			return fmt.Errorf("%w: session parameter %s: no forward error correction", ErrKey, name)
		default:
			return fmt.Errorf("%w: unknown session parameter %.24q", ErrKey, w)
		}
	}
	return nil
}

// Inline returns the key in the form of an a=crypto line.
func (k Key) Inline() string {
	var b strings.Builder
	k.inline(&b)
	for _, other := range k.Others {
		b.WriteByte(';')
		other.inline(&b)
	}
	return b.String()
}

func (k Key) inline(b *strings.Builder) {
	b.WriteString("inline:")
	b.WriteString(base64.StdEncoding.EncodeToString(k.Master))
	if len(k.MKI) > 0 {
		fmt.Fprintf(b, "|%d:%d", new(big.Int).SetBytes(k.MKI), len(k.MKI))
	}
}
