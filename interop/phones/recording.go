package phones

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"regexp"
	"slices"

	"tandem/media/sound"
)

// recording is the WAV file (16 bits, 8000 Hz, one channel) that a program writes during
// a call. Programs complete its header at the end only.
type recording struct{ pattern string } // of its name

const wavHeader = 44

// next removes those of earlier calls: names tell seconds alone.
func (r *recording) next() {
	list, _ := filepath.Glob(r.pattern)
	for _, f := range list {
		_ = os.Remove(f)
	}
}

// samples are all that were written in the call so far, and how many of them are not of
// the last file: a program begins another one when the sound changes its direction.
func (r *recording) samples() (all []int16, before int) {
	list, _ := filepath.Glob(r.pattern)
	slices.Sort(list)
	for _, f := range list {
		before = len(all)
		b, err := os.ReadFile(f)
		if err != nil || len(b) < wavHeader {
			continue
		}
		for b = b[wavHeader:]; len(b) > 1; b = b[2:] {
			all = append(all, int16(binary.LittleEndian.Uint16(b)))
		}
	}
	return all, before
}

func (r *recording) length() int {
	all, _ := r.samples()
	return len(all)
}

// tones are those from a sample on. When the last file was begun again meanwhile, all of
// it counts.
func (r *recording) tones(from int) []sound.Segment {
	all, before := r.samples()
	if from > len(all) {
		from = before
	}
	return sound.Segments(all[from:])
}

// captures are the first parts of all lines that match, joined.
func captures(lines []string, re *regexp.Regexp) (all string) {
	for _, l := range lines {
		if m := re.FindStringSubmatch(l); m != nil {
			all += m[1]
		}
	}
	return all
}
