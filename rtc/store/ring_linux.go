package store

import (
	"fmt"
	"os"
	"sync/atomic"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// ring forces a file to disk while its caller sleeps as a goroutine, not as a thread
// (io_uring). A system call that waits for the disk holds one of Go's processors until
// the runtime notices, and then costs the change to another thread and back.
type ring struct {
	file    *os.File // of the ring itself; readable when there is an answer
	poll    syscall.RawConn
	target  int32
	shared  []byte // the two queues
	entries []byte // requests
	at      offsets
}

// offsets are where things stand in what is shared with the kernel.
type offsets struct{ requested, list, mask, taken, answered, answers uint32 }

// setup is struct io_uring_params of linux/io_uring.h.
type setup struct {
	requests, answers, flags     uint32
	_                            [2]uint32
	features                     uint32
	_                            [4]uint32
	sqHead, sqTail, sqMask, _, _ uint32
	_, sqArray, _                uint32
	_                            uint64
	cqHead, cqTail, cqMask, _, _ uint32
	cqEntries, _, _              uint32
	_                            uint64
}

// request is struct io_uring_sqe, of which this is used.
type request struct {
	operation, _ uint8
	_            uint16
	file         int32
	_, _         uint64
	_, how       uint32
	_            [4]uint64
}

// answer is struct io_uring_cqe.
type answer struct {
	_      uint64
	result int32
	_      uint32
}

const (
	entriesAt    = 0x10000000 // IORING_OFF_SQES
	singleMmap   = 1          // IORING_FEAT_SINGLE_MMAP, Linux 5.4
	opFsync      = 3          // IORING_OP_FSYNC
	fsyncData    = 1          // IORING_FSYNC_DATASYNC
	answerOctets = 16
)

// newRing fails where the kernel has none, or not for us: containers often may not.
func newRing(target *os.File) (*ring, error) {
	var p setup
	fd, _, e := syscall.Syscall(unix.SYS_IO_URING_SETUP, 1, uintptr(unsafe.Pointer(&p)), 0)
	if e != 0 {
		return nil, fmt.Errorf("making a ring: %w", e)
	}
	unix.CloseOnExec(int(fd))
	r := &ring{target: int32(target.Fd())}
	err := unix.SetNonblock(int(fd), true) // for the runtime's poller to take it
	r.file = os.NewFile(fd, "ring")
	if err == nil {
		err = r.share(int(fd), &p)
	}
	if err == nil { // once, to see that it does so here
		_, err = r.sync()
	}
	if err != nil {
		r.close()
		return nil, fmt.Errorf("making a ring: %w", err)
	}
	return r, nil
}

// share maps what the ring has in common with the kernel.
func (r *ring) share(fd int, p *setup) (err error) {
	if p.features&singleMmap == 0 {
		return unix.ENOSYS
	}
	const access, kind = unix.PROT_READ | unix.PROT_WRITE, unix.MAP_SHARED | unix.MAP_POPULATE
	octets := max(p.sqArray+4*p.requests, p.cqEntries+answerOctets*p.answers)
	if r.shared, err = unix.Mmap(fd, 0, int(octets), access, kind); err != nil {
		return err
	}
	octets = p.requests * uint32(unsafe.Sizeof(request{}))
	if r.entries, err = unix.Mmap(fd, entriesAt, int(octets), access, kind); err != nil {
		return err
	}
	r.at = offsets{requested: p.sqTail, list: p.sqArray, taken: p.cqHead, answered: p.cqTail, answers: p.cqEntries, mask: p.cqMask}
	r.poll, err = r.file.SyscallConn()
	return err
}

func (r *ring) word(at uint32) *uint32 { return (*uint32)(unsafe.Pointer(&r.shared[at])) }

// sync returns when all that was written to the file is on disk. asked is false when
// the kernel did not take the request. It is called by one goroutine at a time, and
// not again after it was not asked.
func (r *ring) sync() (asked bool, err error) {
	*(*request)(unsafe.Pointer(&r.entries[0])) = request{operation: opFsync, file: r.target, how: fsyncData}
	*r.word(r.at.list) = 0
	atomic.AddUint32(r.word(r.at.requested), 1)
	var result error
	err = r.poll.Read(func(fd uintptr) bool {
		if !asked {
			// It does not wait: a thread of the kernel does.
			n, _, e := syscall.RawSyscall6(unix.SYS_IO_URING_ENTER, fd, 1, 0, 0, 0, 0)
			if asked = n == 1; !asked {
				result = fmt.Errorf("asking the ring: %w", e)
				return true
			}
		}
		answered := false
		answered, result = r.take()
		return answered
	})
	if err != nil {
		return asked, err
	}
	return asked, result
}

// take takes the answer, if there is one yet.
func (r *ring) take() (answered bool, err error) {
	head := *r.word(r.at.taken)
	if head == atomic.LoadUint32(r.word(r.at.answered)) {
		return false, nil
	}
	at := r.at.answers + answerOctets*(head&*r.word(r.at.mask))
	if a := (*answer)(unsafe.Pointer(&r.shared[at])); a.result < 0 {
		err = syscall.Errno(-a.result)
	}
	atomic.StoreUint32(r.word(r.at.taken), head+1)
	return true, err
}

func (r *ring) close() {
	for _, part := range [][]byte{r.shared, r.entries} {
		if part != nil {
			_ = unix.Munmap(part)
		}
	}
	_ = r.file.Close()
}

// syncData is what a ring does, by a system call that waits.
func syncData(file *os.File) error {
	for {
		if err := unix.Fdatasync(int(file.Fd())); err != unix.EINTR {
			return err
		}
	}
}
