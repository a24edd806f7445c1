//go:build linux && (amd64 || arm64) && !nolibopus

package codec

import (
	"fmt"
	"runtime"
	"strings"
	"sync"
	"unsafe"

	"github.com/ebitengine/purego"
)

// libopus holds the addresses of the library's functions: calls through SyscallN need
// no reflection and allocate nothing.
//
// A program needs the system's loader to load a library: with this file the binary is
// linked to the C library, although no C is compiled. The build tag nolibopus omits it,
// for a static binary that cannot encode Opus.
type libopus struct {
	name, version             string
	size, init, control, code uintptr // of encoders
	hearSize, hearInit, hear  uintptr // of decoders
	describe                  func(int32) string
}

// openLibrary looks for libopus once and keeps the result. The first name is that of an
// installed library, the second that of a development package.
var openLibrary = sync.OnceValues(func() (*libopus, error) { return load("libopus.so.0", "libopus.so") })

// load takes the first of names that the system's loader finds.
func load(names ...string) (*libopus, error) {
	var why []string
	for _, name := range names {
		handle, err := purego.Dlopen(name, purego.RTLD_NOW|purego.RTLD_LOCAL)
		if err == nil {
			return resolve(name, handle)
		}
		why = append(why, err.Error())
	}
	return nil, fmt.Errorf("libopus is not installed: %s", strings.Join(why, "; "))
}

// resolve looks the functions up.
func resolve(name string, handle uintptr) (*libopus, error) {
	lib := &libopus{name: name}
	var version, describe uintptr
	for symbol, address := range map[string]*uintptr{
		"opus_encoder_get_size":   &lib.size,
		"opus_encoder_init":       &lib.init,
		"opus_encoder_ctl":        &lib.control,
		"opus_encode":             &lib.code,
		"opus_decoder_get_size":   &lib.hearSize,
		"opus_decoder_init":       &lib.hearInit,
		"opus_decode":             &lib.hear,
		"opus_get_version_string": &version,
		"opus_strerror":           &describe,
	} {
		var err error
		if *address, err = purego.Dlsym(handle, symbol); err != nil {
			return nil, fmt.Errorf("loading %s: %w", name, err)
		}
	}
	var words func() string
	purego.RegisterFunc(&words, version)
	purego.RegisterFunc(&lib.describe, describe)
	lib.version = words()
	return lib, nil
}

// fail turns a negative result into an error.
func (l *libopus) fail(result uintptr) error {
	if code := int32(result); code < 0 {
		return fmt.Errorf("libopus: %s", l.describe(code))
	}
	return nil
}

// encoder makes the state of a mono encoder.
func (l *libopus) encoder(rate, application int) ([]byte, error) {
	state, err := l.state(l.size)
	if err != nil {
		return nil, err
	}
	result, _, _ := purego.SyscallN(l.init, uintptr(unsafe.Pointer(&state[0])), uintptr(rate), 1, uintptr(application))
	runtime.KeepAlive(state)
	return state, l.fail(result)
}

// decoder makes the state of a decoder that mixes down to mono.
func (l *libopus) decoder(rate int) ([]byte, error) {
	state, err := l.state(l.hearSize)
	if err != nil {
		return nil, err
	}
	result, _, _ := purego.SyscallN(l.hearInit, uintptr(unsafe.Pointer(&state[0])), uintptr(rate), 1)
	runtime.KeepAlive(state)
	return state, l.fail(result)
}

// state returns memory for one channel, of the size that the function at size returns.
// The library accepts any memory that is aligned for all types, and stores only
// pointers to the state itself and its own constants; Go never moves it.
func (l *libopus) state(size uintptr) ([]byte, error) {
	const align = 64
	result, _, _ := purego.SyscallN(size, 1)
	n := int(int32(result))
	if n <= 0 {
		return nil, fmt.Errorf("libopus: a state of %d octets", n)
	}
	memory := make([]byte, n+align)
	skip := -int(uintptr(unsafe.Pointer(&memory[0]))) & (align - 1)
	return memory[skip : skip+n], nil
}

// set calls opus_encoder_ctl. The function has variable arguments, which on Linux use
// the same registers as fixed ones.
func (l *libopus) set(state []byte, request, value int) error {
	result, _, _ := purego.SyscallN(l.control, uintptr(unsafe.Pointer(&state[0])), uintptr(request), uintptr(value))
	return l.fail(result)
}

// encode calls opus_encode for n samples in e.in, with at most room octets in e.out.
func (l *libopus) encode(e *opusEncoder, n, room int) (int, error) {
	e.arguments = [5]uintptr{
		uintptr(unsafe.Pointer(&e.state[0])),
		uintptr(unsafe.Pointer(&e.in)), uintptr(n),
		uintptr(unsafe.Pointer(&e.out)), uintptr(room),
	}
	result, _, _ := purego.SyscallN(l.code, e.arguments[:]...)
	runtime.KeepAlive(e)
	if err := l.fail(result); err != nil {
		return 0, err
	}
	return int(int32(result)), nil
}

// decode calls opus_decode for the first octets of d.in, into n samples of d.out; with
// before, for their redundancy. No octets mean a lost packet.
func (l *libopus) decode(d *libraryDecoder, octets, n int, before bool) (int, error) {
	var repeated uintptr
	if before {
		repeated = 1
	}
	var in uintptr
	if octets > 0 {
		in = uintptr(unsafe.Pointer(&d.in))
	}
	d.arguments = [6]uintptr{
		uintptr(unsafe.Pointer(&d.state[0])),
		in, uintptr(octets),
		uintptr(unsafe.Pointer(&d.out)), uintptr(n), repeated,
	}
	result, _, _ := purego.SyscallN(l.hear, d.arguments[:]...)
	runtime.KeepAlive(d)
	if err := l.fail(result); err != nil {
		return 0, err
	}
	return int(int32(result)), nil
}

// Library returns which libopus is in use, such as "libopus 1.3.1 (libopus.so.0)", or
// why none is.
func Library() (string, error) {
	lib, err := openLibrary()
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrNoEncoder, err)
	}
	return fmt.Sprintf("%s (%s)", lib.version, lib.name), nil
}
