package main

import (
	"io"
	"os"
	"unsafe"
)

// Go's library takes the first granted folder for the root of a file system and finds nothing in one
// that is called ".", so the file is opened by WASI's own call, in whichever granted folder has it.
//
//go:wasmimport wasi_snapshot_preview1 path_open
//go:noescape
func pathOpen(folder int32, lookup uint32, path unsafe.Pointer, length uint32, how uint32, rights uint64, inherited uint64, flags uint32, opened unsafe.Pointer) uint32

const (
	firstFolder        = 3 // after the three standard streams
	followLinks        = 1
	rightsToReadAndAsk = 1<<1 | 1<<21
	noSuchDescriptor   = 8
)

func readFile(name string) ([]byte, error) {
	var opened int32
	path := []byte(name)
	for folder := int32(firstFolder); ; folder++ {
		switch pathOpen(folder, followLinks, unsafe.Pointer(&path[0]), uint32(len(path)), 0, rightsToReadAndAsk, 0, 0, unsafe.Pointer(&opened)) {
		case 0:
			file := os.NewFile(uintptr(opened), name)
			defer file.Close()
			return io.ReadAll(file)
		case noSuchDescriptor:
			return nil, os.ErrNotExist
		}
	}
}
