// Go's net/http, and a handler that writes down what its parser made of each request.
//
//	go run go.go RECORDS
package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"sync"
)

var (
	records *os.File
	one     sync.Mutex
	wanted  = regexp.MustCompile(`answer=(\d{3})`)
)

func write(record map[string]any) {
	line, _ := json.Marshal(record)
	one.Lock()
	defer one.Unlock()
	records.Write(append(line, '\n'))
}

func pairs(header http.Header) [][2]string {
	list := [][2]string{}
	for name, values := range header {
		if values == nil {
			list = append(list, [2]string{name, ""})
		}
		for _, value := range values {
			list = append(list, [2]string{name, latin1(value)})
		}
	}
	return list
}

// As the others write bytes that are no text.
func latin1(value string) string {
	runes := []rune{}
	for _, octet := range []byte(value) {
		runes = append(runes, rune(octet))
	}
	return string(runes)
}

func handle(answer http.ResponseWriter, request *http.Request) {
	body, err := io.ReadAll(request.Body)
	if err != nil {
		write(map[string]any{"aborted": request.Method + " " + request.RequestURI})
		return
	}
	// The library takes these out of the header.
	headers := append(pairs(request.Header), [2]string{"Host", request.Host})
	for _, coding := range request.TransferEncoding {
		headers = append(headers, [2]string{"Transfer-Encoding", coding})
	}
	write(map[string]any{
		"method": request.Method, "target": request.RequestURI, "headers": headers, "trailers": pairs(request.Trailer),
		"length": len(body), "sha256": fmt.Sprintf("%x", sha256.Sum256(body)),
	})
	answer.Header().Set("X-Backend", "seen")
	answer.Header().Set("Content-Length", "5")
	if status := wanted.FindStringSubmatch(request.RequestURI); status != nil {
		code, _ := strconv.Atoi(status[1])
		answer.WriteHeader(code)
	}
	io.WriteString(answer, "seen\n")
}

// The library refuses what it cannot parse without a word to us: only the connection sees it.
type watched struct{ net.Conn }

func (conn watched) Write(data []byte) (int, error) {
	refused := bytes.HasPrefix(data, []byte("HTTP/1.1 4")) || bytes.HasPrefix(data, []byte("HTTP/1.1 5"))
	if refused && !bytes.Contains(data, []byte("X-Backend")) {
		write(map[string]any{"error": string(data)})
	}
	return conn.Conn.Write(data)
}

type listener struct{ net.Listener }

func (l listener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	return watched{conn}, err
}

func main() {
	records, _ = os.OpenFile(os.Args[1], os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	socket, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Printf("listening %d\n", socket.Addr().(*net.TCPAddr).Port)
	http.Serve(listener{socket}, http.HandlerFunc(handle))
}
