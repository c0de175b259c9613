# ANCHOR: authority
openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj "/CN=an authority of our own" -keyout ca-key.pem -out ca.pem
for who in server client; do
    openssl req -newkey rsa:2048 -nodes -subj "/CN=$who" -keyout $who-key.pem -out $who.csr
done
# ANCHOR_END: authority
# ANCHOR: certificates
printf 'subjectAltName = DNS:localhost, IP:127.0.0.1\nextendedKeyUsage = serverAuth\n' > server.ext
printf 'extendedKeyUsage = clientAuth\n' > client.ext
for who in server client; do
    openssl x509 -req -days 30 -in $who.csr -CA ca.pem -CAkey ca-key.pem -CAcreateserial -extfile $who.ext -out $who.pem
done
# ANCHOR_END: certificates
