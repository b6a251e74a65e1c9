#!/bin/sh
# An adapter of two targets that keeps the protocol: `fake/process` gives a launch, `fake/engine`
# does its own steps. Its figures are made up and constant.
# FAKE_MODE makes it misbehave in one way; FAKE_TARGET and FAKE_STEP say for whom.
sample() {
    printf '{"reply":"sample","boundary":"%s","metric":"wall_time","iteration":%s,"value":%s}\n' "$@"
}
crowd() {
    for at in 1 10; do
        printf '{"reply":"sample","boundary":"instances","metric":"pss","iteration":0,"at":%s,"value":%s}\n' $at $((1000000 + at * 5000))
    done
}
while IFS= read -r line; do
    mode=
    case $line in
    *'"id":"hello"'*) said=${FAKE_OUTPUT-hello\\n} ;;
    *) said= ;;
    esac
    case $line in
    *'"request":"hello"'*) ;;
    *"\"target\":\"${FAKE_TARGET-fake/engine}\""*"${FAKE_STEP-}"*) mode=${FAKE_MODE-} ;;
    esac
    case $line in
    *'"request":"hello"'*)
        printf '{"reply":"hello","protocol":%s,"adapter":"fake 1.0","engine":"Fake","engine_version":"%s","targets":[' "${FAKE_PROTOCOL-2}" "${FAKE_VERSION-1.2.3}"
        printf '{"id":"fake/process","kind":"native","availability":{"status":"available"},"steps":["process","deploy"],"configuration":{"linking":"static"}},'
        printf '{"id":"fake/engine","kind":"wasm","availability":{"status":"available"},"steps":["instantiate","load","instances"],"configuration":{}},'
        printf '{"id":"fake/absent","kind":"container","availability":{"status":"unavailable","reason":"no engine answers","remedy":"start-the-engine"},"steps":["process"],"configuration":{}}]}\n'
        ;;
    *'"request":"prepare"'*)
        case $line in
        *'"target":"fake/process"'*)
            native=${line#*\"native\":\"} native=${native%%\"*}
            directory=${line#*\"scratch\":\"} directory=${directory%%\"*}
            artefact=$native
            [ -z "${FAKE_CODE-}" ] || { artefact=$directory/code && echo "$FAKE_CODE" >"$artefact"; }
            printf '{"reply":"prepared","launch":{"program":"%s","args":[],"env":{},"directory":"%s","artefact":"%s"},"artefacts":[{"role":"binary","bytes":7}]}\n' "$native" "$directory" "$artefact"
            ;;
        *) echo '{"reply":"prepared","launch":null,"artefacts":[{"role":"aot","bytes":4096}]}' ;;
        esac
        ;;
    *'"request":"programs"'*) echo '{"reply":"programs","programs":[]}' ;;
    *'"request":"measure"'*)
        echo "measuring" >&2
        case $mode in
        garbage) echo 'Segmentation fault (core dumped)' ;;
        hang) sleep 600 ;;
        crash) kill -SEGV $$ ;;
        exit) exit 7 ;;
        close) exec >&- && sleep 600 ;;
        unsupported) echo '{"reply":"unsupported","reason":"it has no such feature"}' ;;
        failed) echo '{"reply":"failed","message":"the engine trapped"}' ;;
        out-of-memory) echo '{"reply":"failed","message":"no memory","out_of_memory":true}' ;;
        wrong-boundary) sample L6 0 1000 ;;
        no-samples) printf '{"reply":"done","outputs":[{"exit_code":0,"stdout":"%s","times":1}]}\n' "$said" ;;
        no-output) sample L0 0 1000 && echo '{"reply":"done","outputs":[]}' ;;
        die-in-a-crowd) crowd && kill -KILL $$ ;;
        exit-code) sample L0 0 1000 && printf '{"reply":"done","outputs":[{"exit_code":3,"stdout":"%s","times":1}]}\n' "$said" ;;
        *)
            case $line in
            *'"step":"load"'*) sample L1 0 20000 && sample L1 1 21000 ;;
            *'"step":"instances"'*) crowd ;;
            *) sample L0 0 1000 && sample L0 1 1100 ;;
            esac
            bytes=${FAKE_BASE64+{\"base64\":\"$FAKE_BASE64\"\}}
            printf '{"reply":"done","outputs":[{"exit_code":%s,"stdout":%s,"times":2}]}\n' "${FAKE_EXIT-0}" "${bytes:-\"$said\"}"
            ;;
        esac
        ;;
    esac
done
