package ng

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"tandem/media"
)

// Folders are where files that the proxy names are read and written; "" allows none.
type Folders struct {
	Recordings string // start recording
	Sounds     string // play media
}

// Use names the folders. Call it before Run.
func (s *Server) Use(f Folders) { s.folders = f }

// instead says what to do instead of rtpengine's commands that do not exist here.
var instead = map[string]string{
	"block DTMF":        "keys pass, or are sent as in-band tones when the other side has no telephone-event; remove telephone-event in an offer or answer",
	"unblock DTMF":      "keys are never blocked",
	"block media":       "send an offer with a=inactive or a=sendonly",
	"unblock media":     "send an offer with a=sendrecv",
	"silence media":     "send an offer with a=inactive or a=sendonly",
	"unsilence media":   "send an offer with a=sendrecv",
	"start forwarding":  "record with: start recording",
	"stop forwarding":   "record with: start recording",
	"subscribe request": "lead the call through tandem serve, which has conferences",
	"subscribe answer":  "lead the call through tandem serve, which has conferences",
	"unsubscribe":       "lead the call through tandem serve, which has conferences",
	"publish":           "lead the call through tandem serve, which has conferences",
	"pause recording":   "stop recording, and start another",
}

func unknown(command string) error {
	if do, ok := instead[command]; ok {
		return fmt.Errorf("%q is not offered here: %s", command, do)
	}
	return fmt.Errorf("the command %q is not known here; known are ping, offer, answer, delete, query, list, statistics, play DTMF, play media, stop media, start recording and stop recording", command)
}

// statistics returns those figures of rtpengine that mean the same here.
func (s *Server) statistics(Dict) (Dict, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return Dict{"statistics": Dict{
		"currentstatistics": Dict{"sessionsown": int64(len(s.calls)), "sessionstotal": int64(len(s.calls))},
		"totalstatistics":   Dict{"managedsessions": int64(s.made), "uptime": int64(time.Since(s.began) / time.Second)},
	}}, nil
}

// called returns the call of a request; the caller holds s.mu.
func (s *Server) called(r Dict) (*call, error) {
	if c := s.calls[r.String("call-id")]; c != nil {
		return c, nil
	}
	return nil, errNoCall
}

func (s *Server) startRecording(r Dict) (Dict, error) {
	if s.folders.Recordings == "" {
		return nil, errors.New("no folder for recordings was named: tandem media serve --recordings FOLDER")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := s.called(r)
	if err != nil {
		return nil, err
	}
	name := r.String("recording-file")
	if name == "" {
		name = fmt.Sprintf("%s-%s.wav", time.Now().UTC().Format("20060102T150405"), r.String("call-id"))
	}
	path, err := within(s.folders.Recordings, name)
	if err != nil {
		return nil, err
	}
	return Dict{"recording-file": path}, c.session.Record(path)
}

func (s *Server) stopRecording(r Dict) (Dict, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := s.called(r)
	if err != nil {
		return nil, err
	}
	return Dict{}, c.session.StopRecording()
}

// playMedia plays a file to the side of from-tag.
func (s *Server) playMedia(r Dict) (Dict, error) {
	if s.folders.Sounds == "" {
		return nil, errors.New("no folder with sounds was named: tandem media serve --sounds FOLDER")
	}
	path, err := within(s.folders.Sounds, r.String("file"))
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	c, to, err := s.party(r)
	if err != nil {
		return nil, err
	}
	times := max(1, int(r.Int("repeat-times")))
	a, err := c.session.Announce(to, path, times)
	if err != nil {
		return nil, err
	}
	_, length := a.Progress()
	return Dict{"duration": length.Milliseconds()}, nil
}

func (s *Server) stopMedia(r Dict) (Dict, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, to, err := s.party(r)
	if err != nil {
		return nil, err
	}
	c.session.Stop(to)
	return Dict{}, nil
}

// party returns the call of a request and the side of its from-tag. The caller holds mu.
func (s *Server) party(r Dict) (*call, media.Which, error) {
	c, err := s.called(r)
	if err != nil {
		return nil, 0, err
	}
	to, ok := c.sides[r.String("from-tag")]
	if !ok {
		return nil, 0, errors.New("unknown from-tag")
	}
	return c, to, nil
}

// within returns a file directly in a folder.
func within(folder, name string) (string, error) {
	clean := strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || strings.ContainsRune(`/\\:*?"<>|`, r) {
			return '_'
		}
		return r
	}, filepath.Base(name))
	if name == "" || clean == "." || clean == ".." || clean == "_" {
		return "", fmt.Errorf("%q names no file", name)
	}
	if _, err := os.Stat(folder); err != nil {
		return "", err
	}
	return filepath.Join(folder, clean), nil
}
