// Counts the words of a text, as Go's standard library has it done.
package main

import (
	"bufio"
	"fmt"
	"os"
	"sort"
	"strings"
)

type word struct {
	letters string
	count   uint32
}

func digested(digest uint32, text string) uint32 {
	for at := 0; at < len(text); at++ {
		digest = (digest ^ uint32(text[at])) * 16777619
	}
	return digest
}

func main() {
	fmt.Println("words")
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "no text is named")
		os.Exit(1)
	}
	bytes, err := readFile(os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, "cannot read the text:", err)
		os.Exit(1)
	}

	counts := make(map[string]uint32)
	total := 0
	text := strings.ToLower(string(bytes))
	for _, letters := range strings.FieldsFunc(text, func(c rune) bool { return c < 'a' || c > 'z' }) {
		counts[letters]++
		total++
	}

	words := make([]word, 0, len(counts))
	for letters, count := range counts {
		words = append(words, word{letters, count})
	}
	sort.Slice(words, func(a, b int) bool { return words[a].letters < words[b].letters })
	digest := uint32(2166136261)
	longest := ""
	for _, word := range words {
		if len(word.letters) > len(longest) {
			longest = word.letters
		}
		digest = digested(digested(digest, word.letters), fmt.Sprintf(" %d\n", word.count))
	}
	out := bufio.NewWriter(os.Stdout)
	fmt.Fprintf(out, "%d words, %d distinct, the longest is %s\n", total, len(words), longest)
	sort.SliceStable(words, func(a, b int) bool { return words[a].count > words[b].count })
	for n := 0; n < 10 && n < len(words); n++ {
		fmt.Fprintln(out, words[n].letters, words[n].count)
	}
	fmt.Fprintf(out, "%08x\n", digest)
	if out.Flush() != nil {
		os.Exit(1)
	}
}
