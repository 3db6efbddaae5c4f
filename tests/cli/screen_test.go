package cli_test

import (
	"regexp"
	"strconv"
	"strings"
)

// A screen shows what a terminal would, of the little that xkv asks of one.
type screen struct {
	columns, rows int
	cells         [][]rune
	row, column   int
	cuts          bool // what does not fit in a line
	scrolled      int  // lines that are not to be seen any more
}

func newScreen(columns, rows int) *screen {
	s := &screen{columns: columns, rows: rows}
	for range rows {
		s.cells = append(s.cells, s.empty())
	}
	return s
}

func (s *screen) empty() []rune {
	return []rune(strings.Repeat(" ", s.columns))
}

var sequence = regexp.MustCompile(`^\x1b\[(\??)(\d*)([A-Za-z])`)

func (s *screen) print(text string) {
	for len(text) > 0 {
		if found := sequence.FindStringSubmatch(text); found != nil {
			s.obey(found[1]+found[3], found[2])
			text = text[len(found[0]):]
			continue
		}
		r := []rune(text)[0]
		s.put(r)
		text = text[len(string(r)):]
	}
}

func (s *screen) obey(what, number string) {
	n, _ := strconv.Atoi(number)
	switch what {
	case "A":
		s.row = max(0, s.row-n)
	case "K":
		copy(s.cells[s.row][s.column:], s.empty())
	case "J":
		copy(s.cells[s.row][s.column:], s.empty())
		for i := s.row + 1; i < s.rows; i++ {
			s.cells[i] = s.empty()
		}
	case "?l", "?h":
		if n == 7 {
			s.cuts = what == "?l"
		}
	}
}

func (s *screen) put(r rune) {
	switch r {
	case '\r':
		s.column = 0
	case '\n':
		s.down()
	default:
		if s.column == s.columns && !s.cuts {
			s.column = 0
			s.down()
		}
		s.column = min(s.column, s.columns-1)
		s.cells[s.row][s.column] = r
		s.column++
	}
	if s.cuts {
		s.column = min(s.column, s.columns-1)
	}
}

func (s *screen) down() {
	if s.row++; s.row == s.rows {
		s.row--
		s.scrolled++
		s.cells = append(s.cells[1:], s.empty())
	}
}

// lines gives what is to be seen, without empty lines at the end.
func (s *screen) lines() []string {
	var lines []string
	for _, cells := range s.cells {
		lines = append(lines, strings.TrimRight(string(cells), " "))
	}
	for len(lines) > 0 && lines[len(lines)-1] == "" {
		lines = lines[:len(lines)-1]
	}
	return lines
}
